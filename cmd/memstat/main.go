// Command memstat shows where the bytes of a spanheap are: of a built-in load, of recorded heap
// traces, of a list of sizes.
//
// Run "memstat help" for its commands, and "memstat help json" for what they write with -json. It
// exits with 0 when all went well, 1 when something failed and 2 when it was called wrongly.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const (
	exitOK = iota
	exitFailure
	exitUsage
)

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// A command is one file of this package. The one without a name is what memstat alone does.
type command struct {
	name    string
	args    string // as the usage line shows them
	summary string // one line
	details string
	mixed   bool                       // flags may follow arguments
	setup   func(*flag.FlagSet) action // declares the flags and returns what is done after they are parsed
}

// An action does a command's work with the arguments behind its flags. What it returns goes to
// standard error, a line each for joined errors.
type action func(s streams, args []string) error

func commands() []command {
	return []command{demoCommand, psCommand, reportCommand, topCommand, spansCommand, recordCommand, plotCommand, profileCommand, diffCommand, htmlCommand, classesCommand, wasteCommand, replayCommand}
}

// errUsage marks the errors that are the caller's mistake.
var errUsage = errors.New("wrong usage")

// usagef returns an errUsage that reads as the format says.
func usagef(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}

type usageError struct{ message string }

func (e usageError) Error() string   { return e.message }
func (e usageError) Is(t error) bool { return t == errUsage }

// run is memstat with its arguments and streams; it returns the exit code. Flags that memstat has of its own
// may also stand before a command's name.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := streams{stdin, stdout, stderr}
	var name string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if name == "help" {
		return conclude(s, "help", help(s, args))
	}
	c, err := find(name)
	if err != nil {
		return conclude(s, "", err)
	}
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	act := c.setup(flags)
	operands, err := c.parse(flags, args)
	if name == "" && len(operands) > 0 && isCommand(operands[0]) {
		before := args[:len(args)-len(operands)]
		return run(slices.Concat(operands[:1], before, operands[1:]), stdin, stdout, stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return conclude(s, name, help(s, helpArgs(name)))
	case err != nil && name == "" && slices.ContainsFunc(args, isCommand):
		return conclude(s, name, usagef("%v: a command's flags go behind its name", err))
	case err != nil:
		return conclude(s, name, usagef("%v", err))
	}
	return conclude(s, name, act(s, operands))
}

// parse returns the arguments that are no flags.
func (c command) parse(flags *flag.FlagSet, args []string) (operands []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		args = flags.Args()
		if !c.mixed || len(args) == 0 {
			return append(operands, args...), nil
		}
		operands, args = append(operands, args[0]), args[1:]
	}
}

// isCommand tells whether the argument is the name of a command.
func isCommand(arg string) bool {
	_, err := find(arg)
	return err == nil && arg != ""
}

func find(name string) (command, error) {
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
	}
	return command{}, usagef("no command %q", name)
}

// exitCode is the error of a program that was run and has said itself what went wrong.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// conclude tells what the command came to, and returns the exit code.
func conclude(s streams, name string, err error) int {
	if err == nil {
		return exitOK
	}
	var said exitCode
	if errors.As(err, &said) {
		return int(said)
	}
	title := strings.TrimSpace("memstat " + name)
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(s.err, "%s: %s\n", title, strings.TrimSuffix(line, "\n"))
	}
	if errors.Is(err, errUsage) {
		fmt.Fprintf(s.err, "Run '%s' for usage.\n", strings.TrimSpace("memstat help "+strings.TrimPrefix(name, "help")))
		return exitUsage
	}
	return exitFailure
}

// noArguments returns an error for the first argument, if there is one.
func noArguments(args []string) error {
	if len(args) > 0 {
		return usagef("argument %q: it takes none", args[0])
	}
	return nil
}
