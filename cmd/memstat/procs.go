package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spanheap/spanheap/internal/smaps"
	"github.com/spanheap/spanheap/internal/statpage"
)

// Processes that carry a page of their heaps' stats, as Linux's /proc shows them. Nothing here needs the
// process's help: it may be stopped.

const procFolder = "/proc"

var (
	errNoProcess  = errors.New("there is no such process")
	errNoProcPage = errors.New("it has no page of spanheap's: no heap is open, or attach is off")
)

func needsLinux() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("attaching to a process needs Linux, this is %s", runtime.GOOS)
	}
	return nil
}

// A process is one that has a page.
type process struct {
	pid  int
	name string // of its program
	page *statpage.Page
}

// openProcess looks at the process with the number.
func openProcess(pid int) (process, error) {
	if err := needsLinux(); err != nil {
		return process{}, err
	}
	p := process{pid: pid}
	if _, err := os.Stat(p.folder()); err != nil {
		return p, fmt.Errorf("process %d: %w", pid, errNoProcess)
	}
	err := p.read()
	switch {
	case errors.Is(err, os.ErrPermission):
		err = errors.New("it is another user's, or keeps others from looking into it")
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH):
		err = errNoProcess
	}
	if err != nil {
		return p, fmt.Errorf("process %d: %w", pid, err)
	}
	return p, nil
}

// processes returns all that have a page that can be read, in the order of their numbers.
func processes() (all []process, err error) {
	if err := needsLinux(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(procFolder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := process{pid: pid}
		if p.read() == nil {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all, nil
}

func (p *process) folder() string { return filepath.Join(procFolder, strconv.Itoa(p.pid)) }

// read fills in the name and the page.
func (p *process) read() error {
	name, err := os.ReadFile(filepath.Join(p.folder(), "comm"))
	if err != nil {
		return err
	}
	p.name = strings.ToValidUTF8(strings.TrimSpace(string(name)), "?")
	folder := filepath.Join(p.folder(), "fd")
	descriptors, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	err = errNoProcPage
	for _, d := range descriptors {
		file := filepath.Join(folder, d.Name())
		link, linkErr := os.Readlink(file)
		if linkErr != nil || !strings.HasPrefix(link, "/memfd:"+statpage.Name) {
			continue
		}
		if p.page, err = readPage(file); err == nil {
			return nil
		}
	}
	return err
}

func readPage(name string) (*statpage.Page, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return statpage.Read(file)
}

// resident returns how many bytes of the process are in memory, without a look at every mapping.
func (p *process) resident() uint64 {
	text, _ := os.ReadFile(filepath.Join(p.folder(), "status"))
	n, _ := kibibytes(text, "VmRSS:")
	return n
}

// view returns what the kernel says of the process and of its heaps' extents.
func (p *process) view() (smaps.View, error) {
	extents := make([]smaps.Extent, len(p.page.Extents))
	for i, e := range p.page.Extents {
		extents[i] = smaps.Extent(e)
	}
	return smaps.Read(p.folder(), extents)
}
