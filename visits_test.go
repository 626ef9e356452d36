//go:build amd64 && linux && !race && !spanheap_portable && !spanheap_debug

package spanheap_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// On a visit (mcache.Here) a function must not be split, nor inlined into one that can be, nor may what it calls be split,
// or its goroutine might be moved to another P in the midst of it. The compiler mostly leaves no calls; where it is told to inline nothing, this
// is what there is: of each function that visits, and of what it calls, whether it can be split. Those
// that can are called behind Done; who adds one to testdata/visits.golden must have looked.
func TestVisitsCallNothingThatCanBeSplit(t *testing.T) {
	const module = "github.com/spanheap/spanheap"
	program := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "test", "-c", "-gcflags="+module+"/...=-l", "-o", program).CombinedOutput() // which uses everything
	require.NoError(t, err, string(out))
	code, err := exec.Command("go", "tool", "objdump", "-s", "^"+module+"(/mcache|/mheap)?\\.", program).Output()
	require.NoError(t, err)
	calls := map[string][]string{}
	function := ""
	for line := range strings.Lines(string(code)) {
		if rest, begins := strings.CutPrefix(line, "TEXT "); begins {
			function, _, _ = strings.Cut(rest, "(SB)")
			calls[function] = nil
		} else if _, target, is := strings.Cut(line, "CALL "); is {
			target, _, _ = strings.Cut(target, "(SB)")
			calls[function] = append(calls[function], target)
		}
	}

	whole, visiting, inlined := unsplit(t, module)
	var got strings.Builder
	for _, f := range slices.Sorted(maps.Keys(visiting)) {
		require.True(t, whole[f], "%s visits and can be split", f)
		require.False(t, inlined[f], "%s visits and can be inlined", f)
		fmt.Fprintln(&got, strings.TrimPrefix(f, module+"."))
		reached := map[string]bool{}
		reach(f, calls, whole, reached)
		require.NotEmpty(t, reached, f)
		for _, c := range slices.Sorted(maps.Keys(reached)) {
			if !whole[c] {
				fmt.Fprintln(&got, "  then", strings.ReplaceAll(c, module, "spanheap"))
			}
		}
	}
	want, err := os.ReadFile("testdata/visits.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

// reach adds what f calls to reached, and what is called by those of them that are whole.
func reach(f string, calls map[string][]string, whole, reached map[string]bool) {
	for _, c := range calls[f] {
		if !reached[c] && !noise.MatchString(c) {
			reached[c] = true
			if whole[c] {
				reach(c, calls, whole, reached)
			}
		}
	}
}

// unsplit returns the symbols of the functions that the compiler is told not to split, and of those that visit a cache;
// of the latter, which may be inlined.
func unsplit(t *testing.T, module string) (whole, visiting, inlined map[string]bool) {
	whole = map[string]bool{"runtime.getm": true, "runtime.memclrNoHeapPointers": true, "runtime.memmove": true}
	visiting, inlined = map[string]bool{}, map[string]bool{}
	for dir, path := range map[string]string{".": module, "mcache": module + "/mcache", "mheap": module + "/mheap"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			require.NoError(t, err)
			for _, d := range file.Decls {
				f, is := d.(*ast.FuncDecl)
				if !is {
					continue
				}
				symbol := path + "." + receiver(f) + f.Name.Name
				if told(f, "//go:nosplit") {
					whole[symbol] = true
				}
				if visits(f) {
					visiting[symbol] = true
					inlined[symbol] = !told(f, "//go:noinline")
				}
			}
		}
	}
	return whole, visiting, inlined
}

// told tells whether the compiler is told so of the function.
func told(f *ast.FuncDecl, directive string) bool {
	return f.Doc != nil && slices.ContainsFunc(f.Doc.List, func(c *ast.Comment) bool { return c.Text == directive })
}

// visits tells whether the function visits a cache.
func visits(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		s, is := n.(*ast.SelectorExpr)
		found = found || is && s.Sel.Name == "Visit"
		return true
	})
	return found
}

// receiver returns the part of a method's symbol that its receiver makes.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	switch r := f.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		return fmt.Sprintf("(*%s).", r.X.(*ast.Ident).Name)
	case *ast.Ident:
		return r.Name + "."
	}
	return ""
}
