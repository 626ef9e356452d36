// Gen writes the tables of package sizeclass.
//
// Usage:
//
//	go run ./gen [-page BYTES] [-max BYTES] [-waste SHARE] [-objects N] [-maxpages N] [-even] [-o FILE]
//
// The same flags give the same bytes every time. Package classes holds the mathematics and says
// what each flag means; without flags the tables are those of Go 1.26.
//
// Gen exits with status 2 when the flags make no sense, and with 1 when it cannot write. A note on the
// standard error says so when some classes have fewer slots in a span than -objects asks for.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/spanheap/spanheap/gen/classes"
)

const (
	exitOK = iota
	exitWrite
	exitUsage
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole command; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", "-", "`file` to write; - is the standard output")
	params := classes.Flags(flags)

	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // the flag set has told the user
	case flags.NArg() > 0:
		return fail(stderr, exitUsage, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	case *out == "":
		return fail(stderr, exitUsage, errors.New("-o: the name of the file is empty"))
	}

	source, err := classes.Source(*params)
	if err != nil {
		return fail(stderr, exitUsage, err)
	}
	if err := write(*out, stdout, source); err != nil {
		return fail(stderr, exitWrite, err)
	}
	if note := params.Shortfall(); note != "" {
		fmt.Fprintln(stderr, "gen:", note)
	}
	return exitOK
}

func write(name string, stdout io.Writer, source []byte) error {
	if name == "-" {
		_, err := stdout.Write(source)
		return err
	}
	return os.WriteFile(name, source, 0o644)
}

func fail(stderr io.Writer, status int, err error) int {
	fmt.Fprintln(stderr, "gen:", err)
	return status
}
