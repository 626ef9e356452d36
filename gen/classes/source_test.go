package classes

import (
	"flag"
	"go/ast"
	"go/constant"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSourceIsTheSameEveryTime(t *testing.T) {
	for _, p := range samples {
		first, err := Source(p)
		require.NoError(t, err)
		second, err := Source(p)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	}
}

func TestSourceIsMarkedAsGeneratedAndFormatted(t *testing.T) {
	for _, p := range samples {
		source, err := Source(p)
		require.NoError(t, err)
		formatted, err := format.Source(source)
		require.NoError(t, err)
		require.Equal(t, string(formatted), string(source))

		header, _, _ := strings.Cut(string(source), "\n")
		require.Regexp(t, `^// Code generated .* DO NOT EDIT\.$`, header)
		require.Contains(t, header, p.String())
	}
}

func TestSourceHoldsTheClassesItReports(t *testing.T) {
	for _, p := range samples {
		t.Run(p.String(), func(t *testing.T) {
			classes, err := Choose(p)
			require.NoError(t, err)
			scope, tables := compile(t, p)

			longest, most := 0, 0
			for i, c := range classes {
				require.EqualValues(t, c.Size, tables["Size"][i])
				require.EqualValues(t, c.Span, tables["Pages"][i]*int64(p.Page))
				if i > 0 {
					require.EqualValues(t, (1<<32-1)/int64(c.Size)+1, tables["Magic"][i])
					longest = max(longest, c.Span/p.Page)
					most = max(most, c.Objects())
				}
			}
			for name, want := range map[string]int{
				"NumClasses": len(classes), "MaxSmall": p.Max, "PageSize": p.Page,
				"LargestPages": longest, "MostObjects": most,
				"SmallStep": 8, "SmallMax": 1024, "LargeStep": 128,
				"objectsGoal": p.Objects, "pagesLimit": p.MaxPages,
			} {
				require.EqualValues(t, want, constantIn(scope, name), name)
			}
			require.Equal(t, p.Waste, constantIn(scope, "wasteLimit"))

			steps := tables["classOf"]
			require.Len(t, steps, 128+(p.Max-1024)/128+1)
			for i, class := range steps {
				size := 8 * i
				if i > 128 {
					size = 1024 + 128*(i-128)
				}
				require.LessOrEqual(t, size, classes[class].Size)
				require.True(t, class == 0 || size > classes[class-1].Size, "%d bytes in class %d", size, class)
			}
		})
	}
}

// compile type-checks the source for p, so that every number is known to fit its type, and returns
// its scope and its tables.
func compile(t *testing.T, p Params) (*types.Scope, map[string][]int64) {
	source, err := Source(p)
	require.NoError(t, err)
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "classes.go", source, 0)
	require.NoError(t, err)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err := new(types.Config).Check("sizeclass", fset, []*ast.File{file}, info)
	require.NoError(t, err)

	tables := map[string][]int64{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		literal, ok := spec.Values[0].(*ast.CompositeLit)
		if !ok {
			return true
		}
		var values []int64
		for _, e := range literal.Elts {
			v, exact := constant.Int64Val(info.Types[e].Value)
			require.True(t, exact)
			values = append(values, v)
		}
		array := pkg.Scope().Lookup(spec.Names[0].Name).Type().(*types.Array)
		require.EqualValues(t, array.Len(), len(values), spec.Names[0].Name)
		tables[spec.Names[0].Name] = values
		return false
	})
	return pkg.Scope(), tables
}

func constantIn(scope *types.Scope, name string) float64 {
	value, _ := constant.Float64Val(constant.ToFloat(scope.Lookup(name).(*types.Const).Val()))
	return value
}

func TestParamsAreWrittenAsTheirFlags(t *testing.T) {
	for _, p := range samples {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		parsed := Flags(fs)
		require.NoError(t, fs.Parse(strings.Fields(p.String())))
		require.Equal(t, p, *parsed)
	}
}

func TestFlagsDefaultToGo126(t *testing.T) {
	require.Equal(t, defaults, *Flags(flag.NewFlagSet("", flag.ContinueOnError)))
}
