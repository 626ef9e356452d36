package statpage

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Writer is a process's own page. It is for one goroutine at a time.
type Writer struct {
	writer
	fd   int
	made unix.Stat_t // what fd was when it was opened
}

// Create makes a page without a state. Its length is sealed; nothing that it does can wait for a disk. The
// error is the system's, which need not have memfds, or may refuse them.
func Create() (*Writer, error) {
	fd, err := unix.MemfdCreate(Name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	w := &Writer{fd: fd}
	if err := w.begin(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return w, nil
}

func (w *Writer) begin() error {
	if err := unix.Ftruncate(w.fd, PageBytes); err != nil {
		return fmt.Errorf("ftruncate: %w", err)
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(w.fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("F_ADD_SEALS: %w", err)
	}
	if err := unix.Fstat(w.fd, &w.made); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	memory, err := unix.Mmap(w.fd, 0, PageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	w.memory, w.populate = memory, w.back
	if err := w.back(0, headerBytes); err != nil {
		unix.Munmap(memory)
		return err
	}
	copy(memory, header())
	return nil
}

// back has memory behind these bytes: a write to a page that the system has none for would be a fault.
// Kernels before 5.14 cannot be asked to.
func (w *Writer) back(from, to int) error {
	from &^= unix.Getpagesize() - 1
	switch err := unix.Madvise(w.memory[from:to], unix.MADV_POPULATE_WRITE); err {
	case nil, unix.EINVAL:
		return nil
	default:
		return fmt.Errorf("MADV_POPULATE_WRITE: %w", err)
	}
}

// Write makes p the page's state. It neither waits nor allocates, but for more heaps than ever before. The
// error is the system's; the page's state stays then.
func (w *Writer) Write(p *Page) error { return w.write(p) }

// Close ends the page, which nobody finds any more. A descriptor that the program closed and that has
// become something else is left alone.
func (w *Writer) Close() error {
	var now unix.Stat_t
	if err := unix.Fstat(w.fd, &now); err == nil && now.Dev == w.made.Dev && now.Ino == w.made.Ino {
		unix.Close(w.fd)
	}
	return unix.Munmap(w.memory)
}
