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
			profile, samples, err := r.profile(*seconds)
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
			_, err = fmt.Fprintf(s.out, "%s, %s, in %s; go tool pprof -http=: %[3]s shows it\n", plural(uint64(samples), "sample", "samples"), size(uint64(len(profile))), *name)
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

// profile returns the profile of what lives, or of what comes and goes within so many seconds, and the
// number of its samples. An answer that is no profile is an error.
func (r *remote) profile(seconds int) (profile []byte, samples int, err error) {
	page, patient := "heap", *r
	if seconds > 0 {
		client := *r.client
		client.Timeout += time.Duration(seconds) * time.Second
		page, patient.client = fmt.Sprintf("heap?seconds=%d", seconds), &client
	}
	if profile, err = patient.get(page); err != nil {
		return nil, 0, err
	}
	if samples, err = sampleCount(profile); err != nil {
		return nil, 0, fmt.Errorf("%s: %s: %w", r.name, page, err)
	}
	return profile, samples, nil
}

// writeWhole writes a file whole, or not at all. A link stays one, and what is no regular file, as a pipe or a
// device, is written to and never replaced.
func writeWhole(name string, content []byte) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, content, 0o644)
	}
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
