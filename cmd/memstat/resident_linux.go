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

// A residentMeter reads the resident bytes again and again. That takes next to no memory itself.
type residentMeter struct {
	file *os.File
	key  string
	text [4096]byte // more than the kernel writes
}

// newResidentMeter returns a meter, or nil where the kernel does not tell. The count over the page tables
// is exact; that of the status, which every kernel has, leaves out some pages of each processor.
func newResidentMeter() *residentMeter {
	for _, source := range []struct{ name, key string }{
		{"/proc/self/smaps_rollup", "Rss:"},
		{"/proc/self/status", "VmRSS:"},
	} {
		file, err := os.Open(source.name)
		if err != nil {
			continue
		}
		m := &residentMeter{file: file, key: source.key}
		if m.read() > 0 {
			return m
		}
		file.Close()
	}
	return nil
}

// read returns 0 where the kernel refuses.
func (m *residentMeter) read() uint64 {
	n, _ := m.file.ReadAt(m.text[:], 0) // it ends with io.EOF
	now, _ := kibibytes(m.text[:n], m.key)
	return now
}

func (m *residentMeter) close() { m.file.Close() }
