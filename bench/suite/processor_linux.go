package suite

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// usable returns the processors that this process may use; none if the system does not tell.
func usable() (found []processor) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for p := range len(set) * 64 {
		if set.IsSet(p) {
			found = append(found, processor(p+1))
		}
	}
	return found
}

// on calls f on the processor. A process that f starts runs there too, and stays. The thread that does it goes back to where it
// was, or ends.
func on(p processor, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err, returned := onThread(p, f)
		if returned {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// onThread calls f on the processor, and tells whether the thread is back where it was.
func onThread(p processor, f func() error) (err error, returned bool) {
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err, true
	}
	one.Set(int(p) - 1)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err, true
	}
	err = f()
	back := unix.SchedSetaffinity(0, &before)
	return errors.Join(err, back), back == nil
}
