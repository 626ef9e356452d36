package classes

import (
	"flag"
	"fmt"
)

// Params are what the choice of size classes depends on.
type Params struct {
	Page     int     // bytes of a page: a power of two, 1 KiB to 1 MiB
	Max      int     // bytes of the largest slot: a multiple of 128, 1 KiB to 64 KiB
	Waste    float64 // share of a span that its tail may take: above 0, at most 1/2
	Objects  int     // slots that a span should have, at least 1; step 5 says how far it goes
	MaxPages int     // pages of the longest span: 1 to 255
	Even     bool    // whether the grid of sizes is regular
}

// Flags defines the parameters' flags on fs. The parameters returned have the defaults until fs is
// parsed.
func Flags(fs *flag.FlagSet) *Params {
	p := new(Params)
	fs.IntVar(&p.Page, "page", 8192, fmt.Sprintf("`bytes` of a page, a power of two from %d to %d", minPage, maxPage))
	fs.IntVar(&p.Max, "max", 32768, fmt.Sprintf("`bytes` of the largest slot, a multiple of %d from %d to %d,\nwhich is %d KiB: beyond, 32-bit reciprocals are not exact", largeStep, smallMax, maxMax, maxMax>>10))
	fs.Float64Var(&p.Waste, "waste", 0.125, fmt.Sprintf("`share` of a span that its tail may take, above 0 and at most %v", maxWaste))
	fs.IntVar(&p.Objects, "objects", 1, "`slots` that a span should have, at least 1; where -maxpages, exact\nreciprocals and no larger tails allow fewer it has fewer, and a note says so")
	fs.IntVar(&p.MaxPages, "maxpages", 128, fmt.Sprintf("`pages` of the longest span, 1 to %d", maxMaxPages))
	fs.BoolVar(&p.Even, "even", false, fmt.Sprintf("steps from size to size of %d bytes below %d, of an eighth of the power of two below %d,\nof a quarter above, and no sizes merged or grown; else those of Go", smallStep, evenSmall, evenFine))
	return p
}

// String returns the parameters as flags.
func (p Params) String() string {
	s := fmt.Sprintf("-page %d -max %d -waste %v -objects %d -maxpages %d",
		p.Page, p.Max, p.Waste, p.Objects, p.MaxPages)
	if p.Even {
		s += " -even"
	}
	return s
}

const (
	minPage = 1 << 10
	maxPage = 1 << 20

	// Up to here every reciprocal is exact within the first slot at least: d·e < d² <= 2³².
	maxMax = 1 << 16

	maxWaste = 0.5

	// A span's length in pages is a byte of the tables.
	maxMaxPages = 1<<8 - 1
)

// check returns an error that names the flag and what is wrong with its value.
func (p Params) check() error {
	switch {
	case p.Page < minPage || p.Page > maxPage:
		return fmt.Errorf("-page %d: not between %d and %d bytes", p.Page, minPage, maxPage)
	case p.Page&(p.Page-1) != 0:
		return fmt.Errorf("-page %d: not a power of two", p.Page)
	case p.Max < smallMax:
		return fmt.Errorf("-max %d: less than %d bytes", p.Max, smallMax)
	case p.Max%largeStep != 0:
		return fmt.Errorf("-max %d: not a multiple of %d", p.Max, largeStep)
	case p.Max > maxMax:
		return fmt.Errorf("-max %d: 32-bit reciprocals are exact up to %d bytes only", p.Max, maxMax)
	case !(p.Waste > 0 && p.Waste <= maxWaste): // not a number is refused too
		return fmt.Errorf("-waste %v: not above 0 and at most %v", p.Waste, maxWaste)
	case p.MaxPages < 1 || p.MaxPages > maxMaxPages:
		return fmt.Errorf("-maxpages %d: not between 1 and %d", p.MaxPages, maxMaxPages)
	case p.Max > p.Page*p.MaxPages:
		return fmt.Errorf("-max %d: more than the %d pages of %d bytes (-maxpages, -page) of the longest span",
			p.Max, p.MaxPages, p.Page)
	case p.Objects < 1:
		return fmt.Errorf("-objects %d: a span has at least 1", p.Objects)
	case p.Objects > p.Page*p.MaxPages/smallStep:
		return fmt.Errorf("-objects %d: the longest span (-maxpages, -page) has %d slots of %d bytes",
			p.Objects, p.Page*p.MaxPages/smallStep, smallStep)
	}
	return nil
}
