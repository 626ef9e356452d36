package suite

import "context"

// A ReleaseRow is how long calls of Heap.Alloc of mixed sizes take while another goroutine allocates and
// frees; in the second row the scavenger gives back what is free, and in the third that goroutine calls
// Heap.Release. The three take turns within each measurement.
// Figures are ns.
type ReleaseRow struct {
	Beside string `json:"beside"` // what the other goroutine does
	P50    Spread `json:"p50"`
	P99    Spread `json:"p99"`
	P999   Spread `json:"p999"`
	Last   Spread `json:"last"` // the slowest call
}

// What the neighbour does, in the rows' order.
const (
	BesideFrees    = "frees"
	BesideScavenge = "frees, and the scavenger"
	BesideReleases = "frees and Release"
)

// releaseTime is how many times as long as a cell this is measured: quantiles of single calls need many.
const releaseTime = 10

// releaseTasks returns the measurement of a round.
func (s *Suite) releaseTasks() (tasks []*task, fill func(*Outcome)) {
	var measured []line
	fill = func(out *Outcome) {
		if len(measured) == 0 {
			return
		}
		for _, row := range []struct{ beside, key string }{{BesideFrees, "quiet"}, {BesideScavenge, "scavenged"}, {BesideReleases, "beside"}} {
			of := func(quantile string) Spread {
				var values []float64
				for _, l := range measured {
					values = append(values, l[row.key+"-"+quantile])
				}
				return NewSpread(values)
			}
			out.Release = append(out.Release, ReleaseRow{row.beside, of("p50"), of("p99"), of("p999"), of("last")})
		}
		var shares []float64
		for _, l := range measured {
			shares = append(shares, l["scavenger-share"])
		}
		out.Scavenger = spreadOf(shares)
	}
	if s.Retain == 0 || !s.wants("release") {
		return nil, fill
	}
	worker := s.Impls[0]
	return []*task{{
		name: "release",
		do: func(ctx context.Context) error {
			about := releaseTime * s.Time
			l, err := worker.measure(ctx, measurement{
				program: worker.program(false), about: about,
				keys: []string{"quiet-p999", "scavenged-p999", "beside-p999", "scavenger-share"},
				args: []string{"release", milliseconds(about)},
			})
			if err == nil {
				measured = append(measured, l)
			}
			return err
		},
	}}, fill
}
