package mheap_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// The models' states are the code's.
func TestModelsHaveTheStates(t *testing.T) {
	for file, names := range map[string]int{"../model/slot.pml": 4} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found := regexp.MustCompile(`(?m)^#define (InSpan|Live|Held|Noted) +(\d+)`).FindAllStringSubmatch(string(text), -1)
		require.Len(t, found, names, file)
		for _, define := range found {
			value, err := strconv.Atoi(define[2])
			require.NoError(t, err)
			states := map[string]uint8{"InSpan": mheap.InSpan, "Live": mheap.Live, "Held": mheap.Held, "Noted": mheap.Noted}
			require.EqualValues(t, states[define[1]], value, "%s: %s", file, define[1])
		}
	}
}
