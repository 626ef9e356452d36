package mcache_test

import (
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func TestVerifyNamesTheSpanThatACacheHolds(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	b, err := r.alloc(noscan(512), 512)
	require.NoError(t, err)
	require.NoError(t, r.Verify())
	s := mheap.SpanOf(b.addr)
	require.True(t, s.Held)
	s.Taken++
	err, told := r.Verify(), s.String()
	s.Taken--
	require.ErrorContains(t, err, "slot conservation: ")
	require.ErrorContains(t, err, told)
	require.NoError(t, r.Verify())
}
