// Package debugvar reads SPANHEAPDEBUG, the variable by which a program that cannot be changed is asked
// to check and to show more: keys with values, separated by commas, as in
//
//	SPANHEAPDEBUG=check=1,trace=1,interval=5s
//
// What is wrong with a key changes nothing but that key, which keeps its default.
package debugvar

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings is what the variable asks for.
type Settings struct {
	Check    int           // check=0..3: the least Options.Debug of every heap
	Guard    int           // guard=N: one allocation in N is guarded; 0 none; -1, the default, as the heap's options say
	Crash    bool          // crash=0|1: a report of the guarded block whose touch ends the program
	Trace    bool          // trace=0|1: a line of state each interval on the standard error
	Interval time.Duration // interval=D: of trace, 5s by default, at least 10ms
	Exit     bool          // exit=0|1: a report when the program ends
	Profile  string        // profile=FILE: a heap profile when the program ends
	Attach   bool          // attach=0|1: let memstat find the process, as it does by default
}

// Defaults are the settings of an empty variable.
func Defaults() Settings {
	return Settings{Guard: -1, Interval: 5 * time.Second, Attach: true}
}

// MaxCheck is the highest level of checks, and MinInterval the shortest interval.
const (
	MaxCheck    = 3
	MinInterval = 10 * time.Millisecond
)

// Parse reads the variable's value. The warnings, one for each key that is unknown or has no value that
// it can have, name the key and what it takes.
func Parse(value string) (s Settings, warnings []string) {
	s = Defaults()
	for _, field := range strings.Split(value, ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		key, v, _ := strings.Cut(field, "=")
		set := keys[key]
		if set == nil {
			warnings = append(warnings, fmt.Sprintf("unknown key %q, want one of %s", key, names))
		} else if wants := set(&s, v); wants != "" {
			warnings = append(warnings, fmt.Sprintf("%s=%s: want %s", key, v, wants))
		}
	}
	return s, warnings
}

// names are all keys.
var names = strings.Join(slices.Sorted(maps.Keys(keys)), ", ")

// keys sets each key to a value, or tells what it wants instead.
var keys = map[string]func(s *Settings, v string) (wants string){
	"check":    func(s *Settings, v string) string { return whole(&s.Check, v, 0, MaxCheck) },
	"guard":    func(s *Settings, v string) string { return whole(&s.Guard, v, 0, 1<<30) },
	"crash":    func(s *Settings, v string) string { return flag(&s.Crash, v) },
	"trace":    func(s *Settings, v string) string { return flag(&s.Trace, v) },
	"exit":     func(s *Settings, v string) string { return flag(&s.Exit, v) },
	"attach":   func(s *Settings, v string) string { return flag(&s.Attach, v) },
	"interval": interval,
	"profile":  profile,
}

func whole(to *int, v string, low, high int) string {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return fmt.Sprintf("a whole number from %d to %d", low, high)
	}
	*to = n
	return ""
}

func flag(to *bool, v string) string {
	if v != "0" && v != "1" {
		return "0 or 1"
	}
	*to = v == "1"
	return ""
}

func interval(s *Settings, v string) string {
	d, err := time.ParseDuration(v)
	if err != nil || d < MinInterval {
		return fmt.Sprintf("a duration of at least %v, as 5s", MinInterval)
	}
	s.Interval = d
	return ""
}

func profile(s *Settings, v string) string {
	if v == "" {
		return "the name of a file"
	}
	s.Profile = v
	return ""
}
