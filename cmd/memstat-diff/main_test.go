package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

// written writes a profile in which functions hold so many bytes, in objects of 100, and returns its name.
func written(t *testing.T, name string, types []string, inUse map[string]int64) string {
	t.Helper()
	p := &profile.Profile{PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 1}
	for _, name := range types {
		unit := "bytes"
		if name == "inuse_objects" {
			unit = "count"
		}
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: name, Unit: unit})
	}
	for _, function := range []string{"main.index", "main.quiet", "main.session"} {
		f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: function, Filename: "service/" + function[5:] + ".go"}
		l := &profile.Location{ID: f.ID, Address: f.ID, Line: []profile.Line{{Function: f, Line: 7}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		if n, ok := inUse[function]; ok {
			s := &profile.Sample{Location: []*profile.Location{l}}
			for _, name := range types {
				switch name {
				case "inuse_objects":
					s.Value = append(s.Value, n/100)
				case "waste_space":
					s.Value = append(s.Value, n/10)
				default:
					s.Value = append(s.Value, n)
				}
			}
			p.Sample = append(p.Sample, s)
		}
	}
	name = filepath.Join(t.TempDir(), name)
	file, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, p.Write(file))
	require.NoError(t, file.Close())
	return name
}

var types = []string{"inuse_objects", "inuse_space", "waste_space"}

func diff(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

func TestWhatGrewComesFirst(t *testing.T) {
	before := written(t, "before", types, map[string]int64{"main.index": 1 << 20, "main.quiet": 5000, "main.session": 4000})
	after := written(t, "after", types, map[string]int64{"main.index": 1 << 19, "main.quiet": 5000, "main.session": 3 << 20})
	code, out, errs := diff("-n", "1", before, after)
	require.Zero(t, code, errs)
	require.Equal(t, `From before to after, by inuse_space:

  inuse_space  inuse_objects  waste_space   call site
    +3.00 MiB        +31,417     +307 KiB   main.session session.go:7
     -512 KiB         -5,243    -51.2 KiB   1 more
    +2.50 MiB        +26,174     +256 KiB   all
`, out)
	_, out, _ = diff(before, before)
	require.Contains(t, out, "nothing has changed")
}

func TestTheSameAsJSON(t *testing.T) {
	before := written(t, "before", types, map[string]int64{"main.index": 1000})
	after := written(t, "after", types, map[string]int64{"main.session": 3000})
	code, out, errs := diff("-json", "-by", "waste_space", before, after)
	require.Zero(t, code, errs)
	var got struct {
		By    string
		Total map[string]int64
		Sites []struct {
			Function string
			Stack    []string
			Values   map[string]int64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, map[string]int64{"inuse_objects": 20, "inuse_space": 2000, "waste_space": 200}, got.Total)
	require.Len(t, got.Sites, 2)
	require.Equal(t, "main.session", got.Sites[0].Function)
	require.Equal(t, []string{"main.session session.go:7"}, got.Sites[0].Stack)
	require.EqualValues(t, -1000, got.Sites[1].Values["inuse_space"])
}

// The library's own profiles, of a service with two call sites, of which one grows.
func TestTheLibrarysProfilesAreCompared(t *testing.T) {
	folder := t.TempDir()
	service := exec.Command("go", "-C", filepath.Join("..", ".."), "run", filepath.Join("cmd", "memstat-diff", "testdata", "service", "main.go"), folder)
	said, err := service.CombinedOutput()
	require.NoError(t, err, string(said))
	before, after, delta := filepath.Join(folder, "before"), filepath.Join(folder, "after"), filepath.Join(folder, "delta")
	code, out, errs := diff("-o", delta, before, after)
	require.Zero(t, code, errs)
	require.Regexp(t, `alloc_space   call site\n +\+488 KiB +\+500 .* main.openSession main.go:\d+\n.* all\n$`, out)
	top, err := exec.Command("go", "tool", "pprof", "-top", "-unit=B", delta).CombinedOutput()
	require.NoError(t, err, string(top))
	require.Regexp(t, `500000B .* main.openSession`, string(top))
	require.NotContains(t, string(top), "fillIndex")
}

// A link stays one; what it leads to may be read as any file that a program writes.
func TestALinkIsNotReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // making links needs a privilege
	}
	whole := written(t, "whole", types, map[string]int64{"main.index": 1000})
	delta := filepath.Join(t.TempDir(), "delta")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.WriteFile(delta, nil, 0o666))
	require.NoError(t, os.Symlink(delta, link))
	code, _, errs := diff("-o", link, whole, whole)
	require.Zero(t, code, errs)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
	info, err = os.Stat(delta)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())
	require.NotZero(t, info.Size())
}

// The difference is a profile that Go's own tool reads.
func TestPprofReadsTheDifference(t *testing.T) {
	before := written(t, "before", types, map[string]int64{"main.index": 1 << 20})
	after := written(t, "after", types, map[string]int64{"main.index": 1 << 20, "main.session": 7000})
	delta := filepath.Join(t.TempDir(), "delta.pb.gz")
	code, _, errs := diff("-o", delta, before, after)
	require.Zero(t, code, errs)
	top, err := exec.Command("go", "tool", "pprof", "-top", "-unit=B", "-sample_index=inuse_space", delta).CombinedOutput()
	require.NoError(t, err, string(top))
	require.Regexp(t, `7000B .* main.session`, string(top))
	require.NotContains(t, string(top), "main.index")
}

func TestWrongCalls(t *testing.T) {
	whole := written(t, "whole", types, map[string]int64{"main.index": 1000})
	other := written(t, "other", types[:2], map[string]int64{"main.index": 1000})
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("no profile at all"), 0o666))
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{whole}, exitUsage, "two profiles, not 1"},
		{[]string{"-n", "-1", whole, whole}, exitUsage, "-n -1 is negative"},
		{[]string{"-by", "delay", whole, whole}, exitUsage, "-by delay: the profiles have inuse_objects, inuse_space, waste_space"},
		{[]string{"-x", whole, whole}, exitUsage, "-x"},
		{[]string{whole, missing}, exitFailure, missing},
		{[]string{whole, text}, exitFailure, text + " is no profile"},
		{[]string{whole, other}, exitFailure, other + " has other sample types than " + whole},
		{[]string{"-o", filepath.Join(missing, "x"), whole, whole}, exitFailure, missing},
	} {
		code, out, errs := diff(c.args...)
		require.Equal(t, c.code, code, errs)
		require.Empty(t, out)
		require.Contains(t, errs, c.says)
	}
	code, out, errs := diff("-h")
	require.Zero(t, code, errs)
	require.Contains(t, out, "usage: memstat-diff")
}
