package heapz

// bar is a bar of coloured parts, drawn barWidth long for the whole.
type bar struct {
	Label string
	Parts []barPart
}

type barPart struct {
	Kind, Title string
	X, Width    float64
}

const barWidth = 1000

// newBar returns a bar of the columns, as long as their sum is beside the whole.
func newBar(label string, whole uint64, columns []column) bar {
	b := bar{Label: label}
	x := 0.0
	for _, c := range columns {
		if c.Bytes == 0 {
			continue
		}
		width := barWidth * float64(c.Bytes) / float64(whole)
		b.Parts = append(b.Parts, barPart{c.Kind, c.Name + ": " + size(c.Bytes), x, width})
		x += width
	}
	return b
}
