// Package importpolicy holds the layers of the module as a table of allowed imports, and no code. Its
// test reads every Go file, whatever system and tags the file is for.
package importpolicy

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module   = "github.com/spanheap/spanheap"
	sys      = "golang.org/x/sys/"
	humanize = "github.com/dustin/go-humanize"
)

// allowed holds what each package may import besides the standard library, lower layers first:
// packages of this module by their folder, others by their import path, or a beginning of it that
// ends in a slash. A package that is not here may not be.
var allowed = map[string][]string{
	"internal/lockrank":                  {},
	"internal/trace":                     {},
	"internal/pprofproto":                {},
	"internal/pprofproto/pprofprototest": {"internal/pprofproto"},
	"internal/scavenge":                  {},
	"internal/callstack":                 {},
	"internal/debugvar":                  {},
	"internal/statpage":                  {sys},
	"internal/smaps":                     {},
	"internal/importpolicy":              {},

	"sizeclass":       {},
	"arena":           {sys},
	"arena/arenatest": {"arena"},
	"mheap":           {"sizeclass", "arena", "internal/lockrank"},
	"mcentral":        {"mheap", "internal/lockrank"},
	"mcache":          {"mcentral", "mheap", "internal/lockrank"},
	".":               {"mcache", "mcentral", "mheap", "arena", "sizeclass", "internal/lockrank", "internal/callstack", "internal/debugvar", "internal/pprofproto", "internal/scavenge", "internal/smaps", "internal/statpage", sys},

	"heapz":        {"."},
	"spanheaptest": {"."},

	"gen":         {"gen/classes"},
	"gen/classes": {},
	"cmd/memstat": {".", "heapz", "internal/smaps", "internal/statpage", "internal/trace", humanize},
}

// root is the module's folder, from this one.
const root = "../.."

// goFile is a Go file with its imports.
type goFile struct {
	name    string // from the root
	imports []string
}

// goFiles returns all Go files of the module but tests.
func goFiles(t *testing.T) (files []goFile) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if foreign(t, name) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files = append(files, read(t, name))
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

// foreign tells whether the folder is none of the module's packages and has none below it: it belongs
// to the go command's ignored ones, or to another module.
func foreign(t *testing.T, folder string) bool {
	t.Helper()
	if folder == root {
		return false
	}
	name := filepath.Base(folder)
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func read(t *testing.T, name string) goFile {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	require.NoError(t, err)
	relative, err := filepath.Rel(root, name)
	require.NoError(t, err)
	f := goFile{name: filepath.ToSlash(relative)}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		f.imports = append(f.imports, imported)
	}
	return f
}

// isStandard tells whether a package is of the standard library: the first part of the path of any
// other has a dot. C is no package, but the way out of Go.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && imported != "C"
}

// folder returns the folder of a package of this module, and the import path of any other.
func folder(imported string) string {
	if imported == module {
		return "."
	}
	return strings.TrimPrefix(imported, module+"/")
}

// permits tells whether the table's entry has the package.
func permits(entry []string, imported string) bool {
	return slices.ContainsFunc(entry, func(a string) bool {
		return a == folder(imported) || strings.HasSuffix(a, "/") && strings.HasPrefix(imported, a)
	})
}

func TestImportsKeepToTheTable(t *testing.T) {
	seen := map[string]bool{"internal/importpolicy": true}
	for _, f := range goFiles(t) {
		from := path.Dir(f.name)
		seen[from] = true
		entry, known := allowed[from]
		if !known {
			t.Errorf("%s: the table has no package %s", f.name, from)
			continue
		}
		for _, imported := range f.imports {
			if !isStandard(imported) && !permits(entry, imported) {
				t.Errorf("%s imports %s, which %s may not", f.name, imported, from)
			}
		}
	}
	for from := range allowed {
		require.True(t, seen[from], "the table has %s, which is no package", from)
	}
}

// TestTheTableDescends checks that no package is allowed what stands on it.
func TestTheTableDescends(t *testing.T) {
	var visit func(from string, above []string)
	visit = func(from string, above []string) {
		require.NotContains(t, above, from, "a circle")
		for _, imported := range allowed[from] {
			if _, ours := allowed[imported]; ours {
				visit(imported, append(slices.Clone(above), from))
			}
		}
	}
	for from := range allowed {
		visit(from, nil)
	}
}

// TestOneFileLinksToTheRuntime: what is asked of the scheduler is known in one place.
func TestOneFileLinksToTheRuntime(t *testing.T) {
	var linking []string
	for _, f := range goFiles(t) {
		text, err := os.ReadFile(filepath.Join(root, f.name))
		require.NoError(t, err)
		if strings.Contains(string(text), "\n//go:linkname ") {
			linking = append(linking, f.name)
		}
	}
	require.Equal(t, []string{"mcache/runtime.go"}, linking)
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		from, imported string
		want           bool
	}{
		{"mheap", module + "/arena", true},
		{"mheap", module + "/mcentral", false},
		{"mheap", module, false},
		{"mcentral", module + "/arena", false},
		{"arena", "golang.org/x/sys/unix", true},
		{"arena", "golang.org/x/text", false},
		{"arena", module + "/sizeclass", false},
		{"cmd/memstat", module, true},
		{"cmd/memstat", module + "/mheap", false},
		{"cmd/memstat", humanize, true},
		{".", humanize, false},
		{"gen", module + "/sizeclass", false},
	} {
		require.Equal(t, c.want, permits(allowed[c.from], c.imported), "%s imports %s", c.from, c.imported)
	}
	require.True(t, isStandard("math/rand/v2"))
	require.False(t, isStandard(sys+"unix"))
	require.False(t, isStandard("C"))
}
