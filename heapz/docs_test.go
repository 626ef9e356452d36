package heapz

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// The documentation's table of metrics is AllMetrics, with the names that /metrics gives them.
func TestTheDocumentationListsTheMetrics(t *testing.T) {
	text, err := os.ReadFile("../docs/observability.md")
	require.NoError(t, err)
	var listed, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `/spanheap/.*$").FindAllString(string(text), -1) {
		listed = append(listed, row)
	}
	for _, m := range spanheap.AllMetrics() {
		want = append(want, fmt.Sprintf("| `%s` | `%s` | %s |", m.Name, prometheusName(m), m.Description))
	}
	require.Equal(t, want, listed)
}

// The documentation's pictures are there.
func TestTheDocumentationHasItsPictures(t *testing.T) {
	text, err := os.ReadFile("../docs/observability.md")
	require.NoError(t, err)
	pictures := regexp.MustCompile(`!\[[^\]]+\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, pictures)
	for _, p := range pictures {
		require.FileExists(t, "../docs/"+p[1])
	}
}
