//go:build !spanheap_slow && !race && !spanheap_debug && !spanheap_portable && !js && !wasip1

package spanheap

const (
	wornSteps  = 300 // of a random life
	wornPoints = 12  // calls of each verb that are refused, of all that it makes
)
