package spanheap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/spanheap/spanheap/mheap"
)

// The watcher has two pipes: one brings the text that the runtime writes when the process crashes, the other
// a guardNote for every guarded block that is allocated or freed. Both end with the process. A note is written
// in one piece, and not at all while the pipe is full, so that no allocation waits for the watcher.
//
// The report comes behind the runtime's text. But with the first process of a container its watcher is killed too:
// there it writes as soon as it knows the address, and the runtime waits for it.

// watcherVariable makes a process a watcher, whose pipes are its files 3 and 4.
const watcherVariable = "SPANHEAP_CRASH_WATCHER"

// guardNote is what the watcher is told of a slot for a guarded block. It is sent as it lies in memory: the watcher
// is the same program, but may be loaded at another address.
type guardNote struct {
	slot  uintptr // where the slot begins
	code  uintptr // where codeBase is in the process that sends it
	heap  [64]byte
	block guardedBlock // of address 0 when the slot has none any more
}

// codeBase is the address of a function of this program.
func codeBase() uintptr { return reflect.ValueOf(startWatcher).Pointer() }

// notesPipe is where notes are written, or nil.
var notesPipe atomic.Pointer[nonblocking]

// nonblocking is a file and its descriptor, which to ask the file for again would make it block.
type nonblocking struct {
	file       *os.File
	descriptor int
}

func startWatcher() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	crashes, crash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer crashes.Close()
	defer crash.Close() // SetCrashOutput makes one of its own
	notes, pipe, err := os.Pipe()
	if err != nil {
		return err
	}
	defer notes.Close()
	if os.Getpid() == containerInit {
		step(crash)
	}
	watcher, err := os.StartProcess(program, []string{program}, &os.ProcAttr{
		Env:   append(withoutOurs(os.Environ()), watcherVariable+"=1"),
		Files: []*os.File{null, null, os.Stderr, crashes, notes},
		Sys:   &syscall.SysProcAttr{Setsid: true}, // what a terminal sends to the process is not for it
	})
	p := &nonblocking{pipe, int(pipe.Fd())}
	if err == nil {
		watcher.Release()
		err = errors.Join(debug.SetCrashOutput(crash, debug.CrashOptions{}), syscall.SetNonblock(p.descriptor, true))
	}
	if err != nil {
		pipe.Close()
		return err
	}
	notesPipe.Store(p)
	return nil
}

// containerInit is the number of the process with which all others of its container end.
const containerInit = 1

// step makes who writes to a pipe wait for each piece to be read before the next, where the system can.
func step(pipe *os.File) {
	if _, err := unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize()); err == nil {
		_, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETFL, unix.O_DIRECT)
	}
}

// withoutOurs leaves this package's variables out of an environment.
func withoutOurs(environment []string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, debugVariable+"=") })
}

// tellWatcher tells the watcher, if there is one, that the slot has, or had last, the block of the heap.
func tellWatcher(heap string, slot uintptr, b *guardedBlock) {
	pipe := notesPipe.Load()
	if pipe == nil {
		return
	}
	note := guardNote{slot: slot, code: codeBase(), block: *b}
	copy(note.heap[:], heap)
	for {
		if _, err := syscall.Write(pipe.descriptor, note.bytes()); err != syscall.EINTR {
			return // a watcher that is slow, or gone, knows less
		}
	}
}

func (n *guardNote) bytes() []byte { return (*[unsafe.Sizeof(*n)]byte)(unsafe.Pointer(n))[:] }

func init() {
	if os.Getenv(watcherVariable) != "" {
		const crash, notes = 3, 4
		_ = syscall.SetNonblock(notes, true) // so that it has deadlines
		watch(os.NewFile(crash, "crash"), os.NewFile(notes, "notes"), os.Stderr, os.Getppid() == containerInit)
		os.Exit(0)
	}
}

// watch reads to the end of the pipes, which is that of the process that writes to them, and writes what is known of
// the fault that ended it, if one did: early, or behind all of the crash's text.
func watch(crash io.Reader, notes *os.File, report io.Writer, early bool) {
	told := make(chan slotNotes)
	go func() { told <- readNotes(notes) }()
	text := bufio.NewReader(crash)
	addr := faultIn(text)
	if early && addr != 0 {
		_ = notes.SetReadDeadline(time.Now().Add(grace))
	} else {
		_, _ = io.Copy(io.Discard, text)
	}
	slots := <-told
	if e, ok := describeFault(addr, slots.heapAt(addr), slots.at); ok {
		fmt.Fprintf(report, "\n%v\n", e)
	}
	_, _ = io.Copy(io.Discard, text)
}

// grace is how long an early report waits for notes, which were written before the text.
const grace = 10 * time.Millisecond

// slotNotes are the last notes of slots, by where these begin.
type slotNotes map[uintptr]guardNote

func readNotes(r io.Reader) slotNotes {
	slots := slotNotes{}
	for {
		var n guardNote
		if _, err := io.ReadFull(r, n.bytes()); err != nil {
			return slots
		}
		for _, stack := range []*[guardDepth]uintptr{&n.block.allocated, &n.block.freed} {
			for i, pc := range known(stack[:]) {
				stack[i] = pc - n.code + codeBase()
			}
		}
		slots[n.slot] = n
	}
}

// note returns the note of the slot around p; it is zero if there is none.
func (s slotNotes) note(p uintptr) guardNote {
	for start, n := range s {
		if p-start < mheap.GuardSlot {
			return n
		}
	}
	return guardNote{}
}

func (s slotNotes) at(p uintptr) guardedBlock { return s.note(p).block }

// heapAt returns the name of the heap whose slot is around p or right before it.
func (s slotNotes) heapAt(p uintptr) string {
	for _, n := range []guardNote{s.note(p), s.note(p - mheap.GuardSlot)} {
		if name, _, _ := strings.Cut(string(n.heap[:]), "\x00"); name != "" {
			return name
		}
	}
	return ""
}

// faultIn returns the address in the text of a crash by a fault that no panic came of, or 0. It reads no further
// than to the line that tells it, the first but for some that not all of Go's releases let the watcher see.
func faultIn(text *bufio.Reader) (addr uintptr) {
	for {
		bytes, _, err := text.ReadLine()
		line := string(bytes)
		switch {
		case err != nil:
			return 0
		case strings.HasPrefix(line, "unexpected fault address ") || line == "fatal error: fault":
		case strings.HasPrefix(line, "[signal "):
			_, after, _ := strings.Cut(line, " addr=0x")
			digits, _, _ := strings.Cut(after, " ")
			n, _ := strconv.ParseUint(digits, 16, 64) // or 0
			return uintptr(n)
		default:
			return 0
		}
	}
}
