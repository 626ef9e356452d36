package classes

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

var defaults = Params{Page: 8192, Max: 32768, Waste: 0.125, Objects: 1, MaxPages: 128}

// samples are parameters that have size classes, far apart from each other.
var samples = []Params{
	defaults,
	{Page: 8192, Max: 32768, Waste: 0.125, Objects: 32, MaxPages: 128},
	{Page: 8192, Max: 32768, Waste: 0.125, Objects: 8, MaxPages: 10},
	{Page: 4096, Max: 16384, Waste: 0.125, Objects: 32, MaxPages: 128},
	{Page: 1024, Max: 1024, Waste: 0.125, Objects: 1, MaxPages: 8},
	{Page: 1024, Max: 32768, Waste: 0.125, Objects: 1, MaxPages: 128},
	{Page: 16384, Max: 32768, Waste: 0.125, Objects: 64, MaxPages: 128},
	{Page: 65536, Max: 32768, Waste: 0.125, Objects: 16, MaxPages: 255},
	{Page: 1 << 20, Max: 2048, Waste: 0.125, Objects: 1, MaxPages: 4},
	{Page: 8192, Max: 9088, Waste: 0.125, Objects: 1, MaxPages: 128},
	{Page: 8192, Max: 32768, Waste: 0.5, Objects: 1, MaxPages: 128},
	{Page: 8192, Max: 16384, Waste: 0.06, Objects: 4, MaxPages: 200},
	{Page: 8192, Max: 32768, Waste: 0.125, Objects: 1, MaxPages: 128, Even: true},
	{Page: 4096, Max: 40960, Waste: 0.2, Objects: 8, MaxPages: 128, Even: true},
}

func TestDefaultsAreTheClassesOfGo126(t *testing.T) {
	want := []struct{ size, pages int }{
		{0, 0}, {8, 1}, {16, 1}, {24, 1}, {32, 1}, {48, 1}, {64, 1}, {80, 1}, {96, 1}, {112, 1},
		{128, 1}, {144, 1}, {160, 1}, {176, 1}, {192, 1}, {208, 1}, {224, 1}, {240, 1}, {256, 1},
		{288, 1}, {320, 1}, {352, 1}, {384, 1}, {416, 1}, {448, 1}, {480, 1}, {512, 1}, {576, 1},
		{640, 1}, {704, 1}, {768, 1}, {896, 1}, {1024, 1}, {1152, 1}, {1280, 1}, {1408, 2}, {1536, 1},
		{1792, 2}, {2048, 1}, {2304, 2}, {2688, 1}, {3072, 3}, {3200, 2}, {3456, 3}, {4096, 1},
		{4864, 3}, {5376, 2}, {6144, 3}, {6528, 4}, {6784, 5}, {6912, 6}, {8192, 1}, {9472, 7},
		{9728, 6}, {10240, 5}, {10880, 4}, {12288, 3}, {13568, 5}, {14336, 7}, {16384, 2}, {18432, 9},
		{19072, 7}, {20480, 5}, {21760, 8}, {24576, 3}, {27264, 10}, {28672, 7}, {32768, 4},
	}
	got, err := Choose(defaults)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i, w := range want {
		require.Equal(t, Class{Size: w.size, Span: w.pages * 8192}, got[i], "class %d", i)
	}
}

func TestEvenClassesAreRegular(t *testing.T) {
	p := defaults
	p.Even = true
	got, err := Choose(p)
	require.NoError(t, err)
	var sizes []int
	for _, c := range got {
		sizes = append(sizes, c.Size)
	}
	require.Equal(t, []int{
		0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128,
		144, 160, 176, 192, 208, 224, 240, 256,
		288, 320, 352, 384, 416, 448, 480, 512,
		576, 640, 704, 768, 832, 896, 960, 1024,
		1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048,
		2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096,
		4608, 5120, 5632, 6144, 6656, 7168, 7680, 8192,
		10240, 12288, 14336, 16384,
		20480, 24576, 28672, 32768,
	}, sizes)
}

func TestInvariantsHoldForAllParameters(t *testing.T) {
	for _, p := range samples {
		t.Run(p.String(), func(t *testing.T) {
			classes, err := Choose(p)
			require.NoError(t, err)
			require.NoError(t, invariants(p, classes))
		})
	}
}

func TestChooseRefusesOrKeepsTheInvariants(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	accepted := 0
	for range 300 {
		p := Params{
			Page:     1 << (10 + random.Intn(11)),
			Max:      1024 + 128*random.Intn(505),
			Waste:    0.02 + 0.48*random.Float64(),
			Objects:  1 + random.Intn(64),
			MaxPages: 1 + random.Intn(255),
			Even:     random.Intn(2) == 0,
		}
		classes, err := Choose(p)
		if err != nil {
			require.Regexp(t, "^-(waste|max|objects) ", err.Error())
			continue
		}
		accepted++
		require.NoError(t, invariants(p, classes), "%v", p)
	}
	require.Greater(t, accepted, 100)
}

// invariants returns the first breach of what holds for the classes of all parameters.
func invariants(p Params, classes []Class) error {
	if classes[0] != (Class{}) {
		return fmt.Errorf("class 0 is %+v", classes[0])
	}
	if last := classes[len(classes)-1]; last.Size != p.Max {
		return fmt.Errorf("the last class has %d bytes", last.Size)
	}
	if len(classes) > 127 {
		return fmt.Errorf("%d classes", len(classes))
	}
	for i, c := range classes[1:] {
		below := classes[i].Size
		stepAt := 8
		if c.Size > 1024 {
			stepAt = 128
		}
		rounding := 0.125
		if p.Even && below >= 8192 {
			rounding = 0.2
		}
		worst := 1 - float64(c.Objects()*(below+1))/float64(c.Span)
		switch {
		case c.Size <= below:
			return fmt.Errorf("class %d: %d bytes after %d", i+1, c.Size, below)
		case c.Size%stepAt != 0:
			return fmt.Errorf("class %d: %d is not a multiple of %d", i+1, c.Size, stepAt)
		case c.Size >= 32 && c.Size%16 != 0 && !(p.Even && c.Size < 128):
			return fmt.Errorf("class %d: %d is not a multiple of 16", i+1, c.Size)
		case c.Span%p.Page != 0 || c.Span < c.Size || c.Span > p.Page*p.MaxPages:
			return fmt.Errorf("class %d: a span of %d bytes", i+1, c.Span)
		case float64(c.TailWaste()) > p.Waste*float64(c.Span):
			return fmt.Errorf("class %d: a tail of %d in %d bytes", i+1, c.TailWaste(), c.Span)
		case below >= 128 && worst >= p.Waste+rounding:
			return fmt.Errorf("class %d: %.4f of a full span may be wasted", i+1, worst)
		case !dividesExactly(c):
			return fmt.Errorf("class %d: the reciprocal of %d is wrong within %d bytes", i+1, c.Size, c.Span)
		}
	}
	return nil
}

// dividesExactly tries the reciprocal at both ends of every slot and of the tail. It need not try
// more: neither the product nor the quotient ever falls as the offset rises.
func dividesExactly(c Class) bool {
	for first := 0; first <= c.Span; first += c.Size {
		last := min(first+c.Size-1, c.Span)
		if slot(first, c.Size) != first/c.Size || slot(last, c.Size) != first/c.Size {
			return false
		}
	}
	return true
}

// slot divides as the users of the tables do.
func slot(offset, size int) int {
	magic := (1<<32-1)/uint64(size) + 1
	return int(uint64(offset) * magic >> 32)
}

func TestObjectsLengthensSpansAsFarAsAllowed(t *testing.T) {
	for _, p := range samples {
		if p.Objects == 1 {
			continue
		}
		t.Run(p.String(), func(t *testing.T) {
			short := p
			short.Objects = 1
			before, err := Choose(short)
			require.NoError(t, err)
			after, err := Choose(p)
			require.NoError(t, err)
			require.Len(t, after, len(before))

			for i := range after[1:] {
				b, a := before[i+1], after[i+1]
				require.Equal(t, b.Size, a.Size)
				allowed := func(c Class) bool {
					return c.TailWaste()*(b.Span/p.Page) <= b.TailWaste()*(c.Span/p.Page) && dividesExactly(c)
				}
				require.True(t, a == b || allowed(a), "%+v became %+v", b, a)
				for c := b; c.Span <= p.Page*p.MaxPages; c.Span += p.Page {
					if c.Span < a.Span && allowed(c) {
						require.Less(t, c.Objects(), p.Objects, "%+v would do, not %+v", c, a)
					}
					if c.Span > a.Span && allowed(c) {
						require.GreaterOrEqual(t, a.Objects(), p.Objects, "%+v has more than %+v", c, a)
						break
					}
				}
			}
		})
	}
}

func TestReciprocalExactEndsAtTheFirstWrongOffset(t *testing.T) {
	for _, size := range []int{24, 1152, 3456, 6528, 13568, 20480, 27264, 65408} {
		offset := size - 1
		for slot(offset, size) == offset/size {
			offset += size
		}
		require.False(t, Class{Size: size, Span: offset}.reciprocalExact(), "offset %d of size %d", offset, size)
		require.True(t, Class{Size: size, Span: offset - size}.reciprocalExact(), "offset %d of size %d", offset, size)
	}
}

func TestNonsenseIsRefusedByTheFlagsName(t *testing.T) {
	nan := 0.0
	nan /= nan
	for name, test := range map[string]struct {
		change func(*Params)
		want   string
	}{
		"page too small":     {func(p *Params) { p.Page = 512 }, "-page 512: not between 1024 and 1048576 bytes"},
		"page zero":          {func(p *Params) { p.Page = 0 }, "-page 0: not between"},
		"page negative":      {func(p *Params) { p.Page = -8192 }, "-page -8192: not between"},
		"page too large":     {func(p *Params) { p.Page = 1 << 21 }, "-page 2097152: not between"},
		"page odd":           {func(p *Params) { p.Page = 12288 }, "-page 12288: not a power of two"},
		"max too small":      {func(p *Params) { p.Max = 896 }, "-max 896: less than 1024 bytes"},
		"max negative":       {func(p *Params) { p.Max = -32768 }, "-max -32768: less than 1024 bytes"},
		"max off the grid":   {func(p *Params) { p.Max = 32760 }, "-max 32760: not a multiple of 128"},
		"max too large":      {func(p *Params) { p.Max = 65536 + 128 }, "-max 65664: 32-bit reciprocals"},
		"max over all spans": {func(p *Params) { p.MaxPages = 3 }, "-max 32768: more than the 3 pages of 8192 bytes"},
		"waste zero":         {func(p *Params) { p.Waste = 0 }, "-waste 0: not above 0 and at most 0.5"},
		"waste negative":     {func(p *Params) { p.Waste = -0.1 }, "-waste -0.1: not above 0"},
		"waste over half":    {func(p *Params) { p.Waste = 0.51 }, "-waste 0.51: not above 0"},
		"waste no number":    {func(p *Params) { p.Waste = nan }, "-waste NaN: not above 0"},
		"waste unreachable":  {func(p *Params) { p.Waste, p.MaxPages = 1e-4, 4 }, "-waste 0.0001: slots of 80 bytes leave a larger tail"},
		"too many classes":   {func(p *Params) { p.Waste = 0.01 }, "-waste 0.01 (with -page 8192 -max 32768): needs"},
		"objects zero":       {func(p *Params) { p.Objects = 0 }, "-objects 0: a span has at least 1"},
		"objects negative":   {func(p *Params) { p.Objects = -1 }, "-objects -1: a span has at least 1"},
		"objects too many":   {func(p *Params) { p.Objects = 131073 }, "-objects 131073: the longest span"},
		"maxpages zero":      {func(p *Params) { p.MaxPages = 0 }, "-maxpages 0: not between 1 and 255"},
		"maxpages too many":  {func(p *Params) { p.MaxPages = 256 }, "-maxpages 256: not between 1 and 255"},
		"reciprocal inexact": {func(p *Params) { p.Waste = 0.05 }, "-max 32768 (with -page 8192 -waste 0.05): the 32-bit reciprocal of"},
	} {
		t.Run(name, func(t *testing.T) {
			p := defaults
			test.change(&p)
			classes, err := Choose(p)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, classes)
			source, err := Source(p)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, source)
		})
	}
}
