package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

var diffCommand = command{
	name:    "diff",
	args:    "[-by TYPE] [-n N] [-json] [-o FILE] BEFORE AFTER",
	mixed:   true,
	summary: "show what lies between two heap profiles, by call site",
	details: `BEFORE and AFTER are profiles, as memstat profile and spanheap.WriteHeapProfile write them; or http://HOST:PORT or unix:PATH,
whose profile is fetched.

It is done by memstat-diff, a program of its own, for it needs what spanheap does not: beside memstat or in PATH, where
go install ` + differ + `@latest puts it, or built on the spot in a checkout of spanheap.

-json writes the two files (before, after), the order (by), the whole difference by sample type (total), and for each
call site (sites) where it is (function, file, line), the stack of its largest sample, callers last, and its values.`,
	setup: func(flags *flag.FlagSet) action {
		by := flags.String("by", "inuse_space", "order by the difference in this sample `TYPE`: inuse_space, inuse_objects, waste_space, alloc_space, alloc_objects")
		rows := flags.Int("n", 20, "`N` call sites at most; 0 for all")
		asJSON := flags.Bool("json", false, "write JSON instead of text")
		name := flags.String("o", "", "write the difference as a profile to this `FILE`, too, for go tool pprof")
		return func(s streams, args []string) error {
			if len(args) != 2 {
				return usagef("it takes two profiles, not %d", len(args))
			}
			folder, err := os.MkdirTemp("", "memstat")
			if err != nil {
				return err
			}
			defer os.RemoveAll(folder)
			given := []string{"-by", *by, "-n", strconv.Itoa(*rows), "-json=" + strconv.FormatBool(*asJSON)}
			if *name != "" {
				out, err := filepath.Abs(*name)
				if err != nil {
					return err
				}
				given = append(given, "-o", out)
			}
			for i, arg := range args {
				into := filepath.Join(folder, strconv.Itoa(i))
				if err := os.Mkdir(into, 0o700); err != nil {
					return err
				}
				file, err := profileFile(arg, into)
				if err != nil {
					return err
				}
				given = append(given, file)
			}
			return runDiffer(s, folder, given)
		}
	},
}

// differ is the program that compares profiles, as go install takes it.
const differ = "github.com/spanheap/spanheap/cmd/memstat-diff"

// profileFile returns the absolute path of a profile, which is fetched into the folder if it is a target's.
func profileFile(arg, folder string) (string, error) {
	_, address, isTarget := strings.Cut(arg, "://")
	if path, isUnix := strings.CutPrefix(arg, "unix:"); isUnix {
		address, isTarget = filepath.Base(path), true
	}
	if !isTarget {
		return filepath.Abs(arg)
	}
	r, err := newRemote(arg)
	if err != nil {
		return "", err
	}
	profile, _, err := r.profile(0)
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, strings.NewReplacer("/", "_", ":", "_").Replace(address))
	return file, os.WriteFile(file, profile, 0o600)
}

// runDiffer runs memstat-diff, which has said itself what went wrong when it fails. What is built for it goes into
// the folder.
func runDiffer(s streams, folder string, args []string) error {
	path, err := findDiffer(s, folder)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = s.out, s.err
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exitCode(exit.ExitCode())
	}
	return err
}

// findDiffer returns the path of memstat-diff: beside memstat, in PATH, or built in a checkout.
func findDiffer(s streams, folder string) (string, error) {
	const program = "memstat-diff"
	if own, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(own), program)); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	checkout, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/spanheap/spanheap").Output()
	sources := filepath.Join(strings.TrimSpace(string(checkout)), "cmd", program)
	if _, missing := os.Stat(filepath.Join(sources, "go.mod")); err != nil || missing != nil {
		return "", fmt.Errorf("no %s beside memstat or in PATH: go install %s@latest; or go tool pprof -top -base BEFORE AFTER", program, differ)
	}
	path := filepath.Join(folder, program)
	build := exec.Command("go", "-C", sources, "build", "-o", path, ".")
	build.Stdout, build.Stderr = s.err, s.err
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building %s: %w", sources, err)
	}
	return path, nil
}
