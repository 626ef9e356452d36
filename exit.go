package spanheap

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// The end of the program, as far as SPANHEAPDEBUG asks for something to be done there.

// Exit is os.Exit after Finish.
func Exit(code int) {
	Finish()
	os.Exit(code)
}

// Finish does what SPANHEAPDEBUG asks to be done when the program ends. With exit=1 it writes, for each
// heap that is open, a table to the standard error: how many blocks of each size class were allocated and freed,
// and ok or not all freed. With profile=FILE it writes the heap profile there. Otherwise it does nothing. A
// file that cannot be written is a line on the standard error.
//
// A program calls it through Exit, or defers it in main. Any goroutine may call it.
func Finish() {
	if settings.Exit {
		writeExitReport(os.Stderr)
	}
	if settings.Profile == "" {
		return
	}
	if err := writeProfileFile(settings.Profile); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%v\n", err)
	}
}

// writeExitReport writes nothing but for heaps that have ever had a block.
func writeExitReport(w io.Writer) {
	var b bytes.Buffer
	eachHeap(func(h *Heap) { h.writeExit(&b) })
	_, _ = w.Write(b.Bytes())
}

func (h *Heap) writeExit(b *bytes.Buffer) {
	var rows []classCounts
	var s Stats
	h.readStats(&s, func(c classCounts) {
		if c.mallocs > 0 {
			rows = append(rows, c)
		}
	})
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "spanheap: at exit, heap %q: %s\n", h.name, freedOrNot(s.LiveBlocks))
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "class\tslot\tallocated\tfreed\tlive\tbytes live\t\n")
	for _, c := range rows {
		live := min(c.blocks, c.mallocs)
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t  %s\n", c.Name, c.Size, c.mallocs, c.mallocs-live, live, c.Live, freedOrNot(live))
	}
	_ = t.Flush() // a buffer takes everything
}

func freedOrNot(live uint64) string {
	if live == 0 {
		return "ok"
	}
	return "not all freed"
}

func writeProfileFile(name string) error {
	var b bytes.Buffer
	if err := WriteHeapProfile(&b); err != nil {
		return err
	}
	if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
		return fmt.Errorf("spanheap: heap profile: %w", err)
	}
	return nil
}
