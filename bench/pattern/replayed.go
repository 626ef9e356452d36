package pattern

// A Replayed is what came of one trace.
type Replayed struct {
	Events       int
	Rounds       int
	Best, Median float64 // ns per event, of the rounds
	PeakLive     uint64  // bytes
	Resident     uint64  // bytes, the most above the level before the first event; 0 where the system does not tell
}
