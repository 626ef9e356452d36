//go:build peer_modernc

package pattern

const locked = true
