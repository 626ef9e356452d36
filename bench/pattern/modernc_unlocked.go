//go:build peer_modernc_unlocked

package pattern

const locked = false
