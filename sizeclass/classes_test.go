package sizeclass

import (
	_ "embed"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/gen/classes"
)

var (
	//go:embed classes.go
	generatedFile string
	//go:embed sizeclass.go
	packageFile string
)

func TestGeneratedFileIsWhatGoGenerateWrites(t *testing.T) {
	const directive = "\n//go:generate go run ../gen "
	_, rest, found := strings.Cut(packageFile, directive)
	require.True(t, found)
	arguments, _, _ := strings.Cut(rest, "\n")

	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	file := flags.String("o", "", "")
	params := classes.Flags(flags)
	require.NoError(t, flags.Parse(strings.Fields(arguments)))
	require.Equal(t, "classes.go", *file)

	source, err := classes.Source(*params)
	require.NoError(t, err)
	require.Equal(t, string(source), generatedFile)
	require.Equal(t, []any{params.Page, params.Max, params.Waste, params.Objects, params.MaxPages},
		[]any{PageSize, MaxSmall, wasteLimit, objectsGoal, pagesLimit})
}

func TestCommentReportsTheClasses(t *testing.T) {
	var report []string
	for line := range strings.Lines(generatedFile) {
		if strings.HasPrefix(line, "// ") && strings.Contains(line, "%") {
			report = append(report, strings.Join(strings.Fields(line)[1:], " "))
		}
	}
	var want []string
	for class := uint8(1); class < NumClasses; class++ {
		want = append(want, fmt.Sprintf("%d %d %d %d %d %.2f%% %d", class, Size[class], SpanBytes(class),
			Objects(class), TailWaste(class), 100*MaxWaste(class), MinAlign(class)))
	}
	require.Equal(t, want, report)
}
