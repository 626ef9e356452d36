package mcentral_test

import (
	"testing"

	"github.com/spanheap/spanheap/mcentral"
	"github.com/stretchr/testify/require"
)

func TestVerifyNamesWhatIsBroken(t *testing.T) {
	r := newRig(t, 512) // 16 slots
	slots := r.take(r.slots())
	r.Stash(slots[:4])
	r.verify(1, 0)
	for want, breakIt := range mcentral.Breaks {
		undo := breakIt(&r.Central)
		_, err := r.Verify()
		undo()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "noscan of 512 bytes")
		if want != "list length: " && want != "spare spans: " && want != "room: " {
			require.Regexp(t, `span 0x[0-9a-f]+\.\.0x[0-9a-f]+ \(1 pages, in use, class .*16 slots .*H.*, taken 16, returned `, err.Error())
		}
		r.verify(1, 0)
	}
}
