package report

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// A Machine is what a run was made on. What the system does not tell is empty.
type Machine struct {
	System    string `json:"system"`
	Kernel    string `json:"kernel,omitempty"`
	Processor string `json:"processor,omitempty"`
	Cores     int    `json:"cores"`
	Memory    uint64 `json:"memory,omitempty"`     // bytes
	HugePages string `json:"huge_pages,omitempty"` // transparent ones
	Load      string `json:"load,omitempty"`       // average number of runnable processes before the run: 1, 5, 15 minutes
	Go        string `json:"go"`
	CLibrary  string `json:"c_library,omitempty"`
}

// ThisMachine returns what can be found out about the machine.
func ThisMachine(ctx context.Context) Machine {
	m := Machine{
		System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(),
		Kernel:    fileText("/proc/sys/kernel/osrelease"),
		Processor: processor("/proc/cpuinfo"),
	}
	if kib, err := strconv.ParseUint(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 54); err == nil {
		m.Memory = kib << 10
	}
	if _, chosen, found := strings.Cut(fileText("/sys/kernel/mm/transparent_hugepage/enabled"), "["); found {
		m.HugePages, _, _ = strings.Cut(chosen, "]")
	}
	if load := strings.Fields(fileText("/proc/loadavg")); len(load) > 3 {
		m.Load = strings.Join(load[:3], " ")
	}
	m.CLibrary = strings.TrimSpace(command(ctx, "", "getconf", "GNU_LIBC_VERSION"))
	return m
}

// processor returns the name that a file like /proc/cpuinfo gives, and what tells processors of one name from others, if it does.
func processor(file string) string {
	name := field(file, "model name")
	if family := field(file, "cpu family"); family != "" {
		name += fmt.Sprintf(" (family %s, model %s)", family, field(file, "model"))
	}
	return name
}

// Commit returns the commit of the repository that holds dir, with a + when files differ from it.
func Commit(ctx context.Context, dir string) string {
	commit := strings.TrimSpace(command(ctx, dir, "git", "rev-parse", "--short=12", "HEAD"))
	switch {
	case commit == "":
		return "unknown"
	case strings.TrimSpace(command(ctx, dir, "git", "status", "--porcelain")) != "":
		return commit + "+"
	}
	return commit
}

func command(ctx context.Context, dir, name string, args ...string) string {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	output, err := c.Output()
	if err != nil {
		return ""
	}
	return string(output)
}

func fileText(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// field returns what a file of lines of key: value says first about the key.
func field(name, key string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		if k, value, found := strings.Cut(string(line), ":"); found && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
