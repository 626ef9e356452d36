package pattern

import "math"

// Random numbers and sizes. The C program draws the same, number for number.

// seed returns where goroutine i's random numbers start; it is never 0.
func seed(i int) uint64 { return 0x9e3779b97f4a7c15 * uint64(i+1) }

// random returns the number after r: Marsaglia's xorshift with 64 bits of state.
func random(r uint64) uint64 {
	r ^= r << 13
	r ^= r >> 7
	return r ^ r<<17
}

// pick returns one of 0 to n-1 by the upper half of r.
func pick(r uint64, n int) int { return int(r >> 32 * uint64(n) >> 32) }

// sizes is a table to draw from by the lower bits of a random number. It holds a distribution's
// quantiles, so that every run sees the distribution exactly.
type sizes [4096]uint16

func (s *sizes) draw(r uint64) int { return int(s[r%uint64(len(s))]) }

// quantiles makes the table of a distribution whose quantile function is q.
func quantiles(q func(u float64) float64) *sizes {
	s := new(sizes)
	for i := range s {
		s[i] = uint16(q((float64(i) + 0.5) / float64(len(s))))
	}
	return s
}

func constant(size int) *sizes {
	return quantiles(func(float64) float64 { return float64(size) })
}

func uniform(low, high float64) *sizes {
	return quantiles(func(u float64) float64 { return low + float64(u*(high-low)) })
}

// logUniform makes every octave as likely as every other.
func logUniform(low, high float64) *sizes {
	octaves := math.Log2(high / low)
	return quantiles(func(u float64) float64 { return low * math.Exp2(u*octaves) })
}

// pareto makes sizes of low and more, the longer the rarer, cut off at high.
func pareto(low, high float64) *sizes {
	const shape = 1.1
	return quantiles(func(u float64) float64 {
		return min(high, low*math.Exp2(-math.Log2(1-u)/shape))
	})
}

// shuffled returns 0 to n-1 in a random order.
func shuffled(n int) []uint16 {
	order := make([]uint16, n)
	r := seed(0)
	for i := range order {
		r = random(r)
		k := pick(r, i+1)
		order[i] = order[k]
		order[k] = uint16(i)
	}
	return order
}

// Fingerprint sums up everything random. It is the C program's too when both draw the same.
func Fingerprint() uint64 {
	sum := uint64(0xcbf29ce484222325)
	for _, numbers := range [][]uint16{
		uniform(8, 1000)[:], logUniform(8, 8192)[:], logUniform(1, 1000)[:], logUniform(16, 16_000)[:],
		pareto(16, 8192)[:], shuffled(1000),
	} {
		for _, n := range numbers {
			sum = (sum ^ uint64(n)) * 0x100000001b3
		}
	}
	return sum
}
