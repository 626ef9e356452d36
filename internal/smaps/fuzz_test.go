package smaps

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever smaps says, no more is mapped and resident than the heap has.
func FuzzSmaps(f *testing.F) {
	f.Add("1000-3000 rw-p 00000000 00:00 0\nRss: 8 kB\nSwap: 4 kB\nAnonHugePages: 0 kB\n4000-5000 ---p 0 0:0 0\nRss: 0 kB\n")
	f.Add("ffff-1000 rw-p\nRss: 99999999999999999999 kB\n")
	f.Fuzz(func(t *testing.T, smaps string) {
		var v View
		if v.addMappings(strings.NewReader(smaps), []Extent{{Addr: 0x2000, Bytes: 0x3000}}) != nil {
			return
		}
		most := 0x3000 * v.Mappings // a mapping may be told of again
		require.LessOrEqual(t, v.Mapped+v.Untouched, most)
		require.LessOrEqual(t, v.Mappings, v.Process.Mappings)
	})
}
