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

	"github.com/spanheap/spanheap/internal/statpage"
)

// Processes that carry a page of their heaps' stats, as Linux's /proc shows them. Nothing here needs the
// process's help: it may be stopped.

var (
	errNoProcess  = errors.New("there is no such process")
	errNoProcPage = errors.New("it has no page of spanheap's: no heap is open, or attach is off")
)

func needsLinux() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("to look into another process needs Linux, this is %s", runtime.GOOS)
	}
	return nil
}

// processNumber is a process of this machine as a target.
type processNumber int

func (pid processNumber) look() (sight, error) {
	if err := needsLinux(); err != nil {
		return sight{}, err
	}
	s, err := readProcess(int(pid))
	if errors.Is(err, os.ErrPermission) {
		err = errors.New("it is another user's, or keeps others from looking into it")
	}
	if err != nil {
		err = fmt.Errorf("process %d: %w", int(pid), err)
	}
	return s, err
}

// processes returns all that have a page that can be read, in the order of their numbers.
func processes() (all []sight, err error) {
	if err := needsLinux(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readProcess(pid); err == nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b sight) int { return a.pid - b.pid })
	return all, nil
}

func folderOf(pid int) string { return filepath.Join("/proc", strconv.Itoa(pid)) }

// readProcess looks at a process.
func readProcess(pid int) (sight, error) {
	s := sight{pid: pid}
	name, err := os.ReadFile(filepath.Join(folderOf(pid), "comm"))
	if err != nil {
		return s, ended(err)
	}
	s.program = printable(strings.TrimSpace(string(name)))
	s.title = fmt.Sprintf("Process %d, %s", pid, s.program)
	s.page, err = readPage(filepath.Join(folderOf(pid), "fd"))
	return s, err
}

// readPage returns the page that one of the process's descriptors is.
func readPage(folder string) (page *statpage.Page, err error) {
	descriptors, err := os.ReadDir(folder)
	if err != nil {
		return nil, ended(err)
	}
	err = errNoProcPage
	for _, d := range descriptors {
		name := filepath.Join(folder, d.Name())
		link, linkErr := os.Readlink(name)
		if linkErr != nil || !strings.HasPrefix(link, "/memfd:"+statpage.Name) {
			continue
		}
		file, openErr := os.Open(name)
		if openErr != nil {
			err = ended(openErr)
			continue
		}
		page, err = statpage.Read(file)
		file.Close()
		if err == nil {
			return page, nil
		}
	}
	return nil, err
}

// ended returns errNoProcess for what reading says of a process that is no more.
func ended(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return errNoProcess
	}
	return err
}
