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

// on calls f on the processor. A process that f starts runs there too, and stays.
func on(p processor, f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	one.Set(int(p) - 1)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.SchedSetaffinity(0, &before)) }()
	return f()
}
