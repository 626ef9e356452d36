package spanheap

import (
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
		require.Equal(t, want, faultIn(strings.NewReader(text)), text)
	}
}
