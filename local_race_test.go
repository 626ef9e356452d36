//go:build race

package spanheap_test

import (
	"os"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// localsShared are children in which two goroutines use one Local, one long after the other.
var localsShared = map[string]func(l *spanheap.Local){
	"Alloc":                  func(l *spanheap.Local) { must(l.Alloc(64)) },
	"AllocUninit, Free":      func(l *spanheap.Local) { l.Free(must(l.AllocUninit(64))) },
	"Alloc of a large block": func(l *spanheap.Local) { must(l.Alloc(1 << 20)) },
}

func init() {
	for name, use := range localsShared {
		crashes["a Local of two: "+name] = func() {
			l := must(spanheap.NewHeap(spanheap.Options{})).Local()
			l.Free(must(l.Alloc(64)))
			for range 2 {
				go use(l)
				time.Sleep(50 * time.Millisecond) // which orders nothing
			}
		}
	}
	crashes["a Local that is handed over"] = func() {
		l := must(spanheap.NewHeap(spanheap.Options{})).Local()
		for range 100 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				l.Free(must(l.Alloc(64)))
				l.Free(must(l.Alloc(1 << 20)))
			}()
			<-done
		}
	}
}

// The race detector reports two goroutines that use a Local without an order between them, also when their calls do not
// meet, and none where one hands it to the other.
func TestTheRaceDetectorSeesALocalOfTwo(t *testing.T) {
	for name := range localsShared {
		output, err := crash("a Local of two: " + name)
		require.Error(t, err, name)
		require.Contains(t, output, "DATA RACE", name)
	}
	output, err := crash("a Local that is handed over")
	require.NoError(t, err, output)
}

// crash runs the child, and returns what it said.
func crash(name string) (output string, err error) {
	command := again()
	command.Env = append(os.Environ(), childVariable+"="+name)
	said, err := command.CombinedOutput()
	return string(said), err
}
