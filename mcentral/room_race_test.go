//go:build race

package mcentral_test

// room is where tests' arenas lie: a GiB of what the page map of race builds covers, far above the
// Go heap's beginning.
const room = 0xe0_0000_0000
