//go:build zeroed

package pattern

// zeroed says that blocks are handed out zeroed.
const zeroed = true
