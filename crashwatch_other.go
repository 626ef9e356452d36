//go:build !linux

package spanheap

import "errors"

func startWatcher() error { return errors.ErrUnsupported }

func tellWatcher(string, uintptr, *guardedBlock) {}
