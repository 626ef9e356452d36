package main

import "os"

// residentNow returns the bytes of the process that are resident, and makes the highest count
// begin anew from there. ok is false where the kernel does not tell.
func residentNow() (now uint64, ok bool) {
	const resetHighest = "5"
	if err := os.WriteFile("/proc/self/clear_refs", []byte(resetHighest), 0); err != nil {
		return 0, false
	}
	return processStatus("VmRSS:")
}

// residentHighest returns the most bytes that were resident since residentNow.
func residentHighest() (highest uint64, ok bool) { return processStatus("VmHWM:") }

func processStatus(key string) (n uint64, ok bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	return kibibytes(text, key)
}
