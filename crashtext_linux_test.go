package spanheap

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFaultInTheTextOfACrash(t *testing.T) {
	const signal = "[signal SIGSEGV: segmentation violation code=0x2 addr=0x52804005 pc=0x76d3a0]\n"
	for text, want := range map[string]uintptr{
		signal + "\ngoroutine 1 [running]:\n":                                0x52804005,
		"unexpected fault address 0x52804005\nfatal error: fault\n" + signal: 0x52804005,
		"":            0,
		"\n" + signal: 0,
		"panic: runtime error: invalid memory address\n" + signal: 0, // which may have been ReportFaults'
		"fatal error: all goroutines are asleep\n" + signal:       0,
		"[signal SIGABRT: abort]\n" + signal:                      0,
		"[signal SIGSEGV: addr=0xno]\n":                           0,
		strings.Repeat("x", 1<<16) + "\n" + signal:                0,
	} {
		require.Equal(t, want, faultIn(bufio.NewReader(strings.NewReader(text))), text)
	}
}

// An early report comes while the process that crashes is there still.
func TestAnEarlyReport(t *testing.T) {
	crash, text, err := os.Pipe()
	require.NoError(t, err)
	notes, told, err := os.Pipe()
	require.NoError(t, err)
	reports, report := io.Pipe()
	go func() {
		watch(crash, notes, report, true)
		report.Close()
	}()
	note := guardNote{slot: 0x50000000, code: codeBase(), block: guardedBlock{addr: 0x50002000, size: 64}}
	note.block.allocated[0] = codeBase() + 1
	note.block.freed[0] = codeBase() + 1
	copy(note.heap[:], "crashing")
	_, err = told.Write(note.bytes())
	require.NoError(t, err)
	_, err = io.WriteString(text, "[signal SIGSEGV: addr=0x50002005 pc=0x0]\n")
	require.NoError(t, err)
	lines := bufio.NewScanner(reports)
	for _, want := range []string{"", "spanheap: use after free: address 0x50002005, 5 bytes into the block 0x50002000+64 of crashing", "allocated by"} {
		require.True(t, lines.Scan())
		require.Equal(t, want, lines.Text())
	}
	require.NoError(t, text.Close())
	require.NoError(t, told.Close())
	for lines.Scan() {
	}
	require.NoError(t, lines.Err())
}
