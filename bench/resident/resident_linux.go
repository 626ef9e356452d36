package resident

import (
	"bytes"
	"os"
	"strconv"
)

// Now returns how many bytes of the process are resident, and makes the highest count begin
// anew from there.
func Now() (now uint64, ok bool) {
	const resetHighest = "5"
	if err := os.WriteFile("/proc/self/clear_refs", []byte(resetHighest), 0); err != nil {
		return 0, false
	}
	return processStatus("VmRSS:")
}

// Highest returns the most bytes that were resident since Now.
func Highest() (highest uint64, ok bool) { return processStatus("VmHWM:") }

func processStatus(key string) (n uint64, ok bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte(key)); found {
			kib, err := strconv.ParseUint(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 54)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
