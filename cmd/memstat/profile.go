package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

var profileCommand = command{
	name:    "profile",
	args:    "[-seconds N] -o FILE TARGET",
	mixed:   true,
	summary: "fetch a heap profile of a process, for go tool pprof",
	details: `Writes to FILE, or with -o - to the standard output, the profile of what lives in a process's heaps, by call site; with
-seconds what came and went meanwhile. memstat diff shows what lies between two.

TARGET is http://HOST:PORT or unix:PATH, where a process serves the handlers of package heapz.`,
	setup: func(flags *flag.FlagSet) action {
		seconds := flags.Int("seconds", 0, "what comes and goes within `N` seconds; 0 for what lives")
		name := flags.String("o", "", "the `FILE` that is written; - for the standard output")
		return func(s streams, args []string) error {
			switch {
			case *name == "":
				return usagef("no -o FILE")
			case *seconds < 0:
				return usagef("-seconds %d is negative", *seconds)
			case *name == "-" && isTerminal(s.out):
				return usagef("-o - is a terminal, and a profile is no text")
			}
			t, err := targetOf(args)
			if err != nil {
				return err
			}
			r, err := profiled(t)
			if err != nil {
				return err
			}
			profile, err := r.profile(*seconds)
			if err != nil {
				return err
			}
			if *name == "-" {
				_, err := s.out.Write(profile)
				return err
			}
			if err := writeWhole(*name, profile); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s in %s; go tool pprof -http=: %[2]s shows it\n", size(uint64(len(profile))), *name)
			return err
		}
	},
}

// profiled returns the target as one that can be asked for its profile.
func profiled(t target) (*remote, error) {
	switch t := t.(type) {
	case *remote:
		return t, nil
	case processNumber:
		return nil, usagef("process %d tells its sums only, not who allocated: serve package heapz's handlers in it, and name http://HOST:PORT or unix:PATH; or start it with SPANHEAPDEBUG=profile=FILE, which writes one at its end", int(t))
	}
	return nil, usagef("this target has no profile")
}

// profile returns the profile of what lives, or of what comes and goes within so many seconds.
func (r *remote) profile(seconds int) ([]byte, error) {
	if seconds == 0 {
		return r.get("heap")
	}
	patient, client := *r, *r.client
	client.Timeout += time.Duration(seconds) * time.Second
	patient.client = &client
	return patient.get(fmt.Sprintf("heap?seconds=%d", seconds))
}

// writeWhole writes a file whole, or not at all.
func writeWhole(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
