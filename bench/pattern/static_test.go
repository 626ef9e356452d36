//go:build !peer

package pattern

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// A call that is not inlined, on the way from a pattern to the allocator, is no cost of the allocator's.
func TestPatternsCallSpanheapDirectly(t *testing.T) {
	for _, tags := range []string{"", "zeroed", "peer,peer_spanheap_local", "peer,peer_spanheap_local,zeroed"} {
		decisions, err := exec.Command("go", "build", "-tags", tags, "-gcflags=-m", ".").CombinedOutput()
		require.NoError(t, err, "%s", decisions)
		require.Contains(t, string(decisions), "can inline handle.get", tags)
		require.Contains(t, string(decisions), "can inline handle.put", tags)
	}
}
