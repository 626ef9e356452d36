package spanheap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goBlocks returns the Go programs and fragments of a Markdown text.
func goBlocks(markdown string) (blocks []string) {
	parts := strings.Split(markdown, "\n```go\n")
	for _, part := range parts[1:] {
		block, _, _ := strings.Cut(part, "```\n")
		blocks = append(blocks, block)
	}
	return blocks
}

// The README's first example is the package's own, which go test runs: the same text from the first
// declaration to the last statement, under the imports that it needs.
func TestReadmesFirstExampleIsThePackages(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	blocks := goBlocks(string(readme))
	require.NotEmpty(t, blocks)

	head, body, found := strings.Cut(blocks[0], "\n)\n\n")
	require.True(t, found, "imports, then declarations")
	declarations, statements, found := strings.Cut(body, "\nfunc main() {\n")
	require.True(t, found)
	statements, rest, found := strings.Cut(statements, "\n}\n")
	require.True(t, found)
	require.Empty(t, rest)
	require.Contains(t, string(examples), "\n"+declarations)
	require.Contains(t, string(examples), "\nfunc Example() {\n"+statements+"\n\t// Output:\n")

	file, err := parser.ParseFile(token.NewFileSet(), "README.md", blocks[0], 0)
	require.NoError(t, err, head)
	require.Equal(t, "main", file.Name.Name)
	require.Equal(t, packagesUsed(file), packagesImported(t, file))
}

// packagesImported returns the names of the packages that the file imports.
func packagesImported(t *testing.T, file *ast.File) (names []string) {
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		names = append(names, path.Base(imported))
	}
	return slices.Sorted(slices.Values(names))
}

// packagesUsed returns the names before a dot that the file declares nowhere.
func packagesUsed(file *ast.File) []string {
	undeclared := map[*ast.Ident]bool{}
	for _, name := range file.Unresolved {
		undeclared[name] = types.Universe.Lookup(name.Name) == nil
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := s.X.(*ast.Ident); ok && undeclared[name] {
				used[name.Name] = true
			}
		}
		return true
	})
	return slices.Sorted(maps.Keys(used))
}

// What the README's first rule says of slices whose capacity was cut.
func TestACutCapacityFreesTheBlockAndMiscountsIt(t *testing.T) {
	for _, n := range []int{3, 100, 40_000} {
		h := newHeap(t)
		b := alloc(t, h, n)
		h.Free(alloc(t, h, n)[:n/2])
		require.EqualValues(t, n, h.Stats().Live)

		h.Free(alloc(t, h, n)[: n-1 : n-1])
		require.EqualValues(t, 1, h.Stats().LiveBlocks)
		require.EqualValues(t, n+1, h.Stats().Live)
		require.NoError(t, h.Verify())

		h.Free(b[:0:0])
		require.EqualValues(t, 1, h.Stats().LiveBlocks)
		h.Free(b)
		require.Zero(t, h.Stats().LiveBlocks)
		require.NoError(t, plausible(h.Stats()))

		h.Free(alloc(t, h, n)[:1:1])
		require.NoError(t, plausible(h.Stats()), "none lives, but %d bytes did not go", n-1)
	}
}
