package heapz

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
)

// Figures as people read them. In a page each stands in a data element that has the exact number.

// size returns n bytes in the largest unit they make one of, to three figures, or without a fraction if they
// have none.
func size(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), -1
	for v >= 1<<10 && unit < 5 {
		v /= 1 << 10
		unit++
	}
	digits := max(0, 2-int(math.Log10(v)))
	if v == math.Trunc(v) {
		digits = 0
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + "KMGTPE"[unit:unit+1] + "iB"
}

// count returns n with a comma between thousands.
func count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// plural returns the count with the noun.
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(uint64(n)) + " " + noun
}

// percent returns the part of the whole, or a dash when there is no whole.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// functions are what the pages' templates call.
var functions = template.FuncMap{
	"size":    func(n uint64) template.HTML { return data(n, size(n), count(n)+" bytes") },
	"count":   func(n uint64) template.HTML { return data(n, count(n), "") },
	"percent": percent,
	"sum":     func(a, b uint64) uint64 { return a + b },

	"signed": func(n int64) string {
		if n < 0 {
			return "−" + size(uint64(-n))
		}
		return size(uint64(n))
	},
	"unsigned": func(n int64) uint64 { return uint64(n) },
	"plural":   plural,
	"tab":      newTab,
	"pair":     func(title string, rows []Stretches) any { return stretchTable{title, rows} },
}

// data is a figure's element, of texts that need no escape.
func data(n uint64, text, title string) template.HTML {
	if title != "" {
		title = ` title="` + title + `"`
	}
	return template.HTML(fmt.Sprintf(`<data value="%d"%s>%s</data>`, n, title, text))
}
