package spanheap

import (
	"fmt"
	"os"
	"sync"
)

// Crashes: the touch of a guard that nobody recovers from ends the process before it can say anything of the
// block. So a process beside it, the watcher, keeps what there is to say.

// ReportCrashes starts a process that watches this one. When this one ends by the touch of a page that guards a
// block (see Options.Guard), whatever goroutine did it, the watcher writes to the standard error, behind the Go
// runtime's "unexpected fault address", what ReportFaults would have panicked with: the kind, the block, and where
// it was allocated and freed. Who touched it, the runtime's output tells.
//
// Call it early in main; blocks that are guarded already are known too. SPANHEAPDEBUG=crash=1 does the same for a
// program that cannot be changed. The watcher is the same program, which ends in this package's initialization
// instead of running main; it takes some megabytes, is in a session of its own, and ends when this process
// does. It reads the crash's text by debug.SetCrashOutput, which the program must not use otherwise. Further
// calls do nothing and return what the first did. Errors: errors.ErrUnsupported where the system is not Linux, and
// the operating system's when it starts no process.
func ReportCrashes() error { return startedWatcher() }

var startedWatcher = sync.OnceValue(func() error {
	if err := startWatcher(); err != nil {
		return fmt.Errorf("spanheap: watching for crashes: %w", err)
	}
	for _, h := range Heaps() {
		h.guards.tellAll(h.name)
	}
	return nil
})

func init() {
	if !settings.Crash {
		return
	}
	if err := ReportCrashes(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
	}
}

// tellAll tells the watcher of all blocks there are or were.
func (g *guards) tellAll(heap string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.blocks {
		tellWatcher(heap, g.slotStart(i), &g.blocks[i])
	}
}
