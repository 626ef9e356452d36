//go:build !race && !spanheap_debug && !spanheap_portable && !js && !wasip1

package spanheap

// wornPoints is how many calls of each verb are refused, of all that a random life makes.
const wornPoints = 12
