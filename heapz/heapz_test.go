package heapz_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
	"github.com/stretchr/testify/require"
)

// newHeap returns a heap that gives nothing back on its own, with blocks of many sizes, some freed, of which
// the last is too large for a cache to keep.
func newHeap(t *testing.T, name string) *spanheap.Heap {
	t.Helper()
	h, err := spanheap.NewHeap(spanheap.Options{Name: name, Purpose: "tests", Limit: 1 << 30, Scavenge: spanheap.Never()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	for i, n := range []int{3, 24, 100, 100, 100, 1000, 5000, 40_000, 300_000, 1 << 20, 64, 2 << 20} {
		b, err := h.Alloc(n)
		require.NoError(t, err)
		if i%4 == 3 {
			h.Free(b)
		}
	}
	return h
}

// do sends a request to a new handler.
func do(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	heapz.Handler().ServeHTTP(w, httptest.NewRequest(method, heapz.Path+path, nil))
	return w
}

// get returns the body of a page that must be there.
func get(t *testing.T, path string) string {
	t.Helper()
	w := do(t, "GET", path)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	return w.Body.String()
}

func getJSON[T any](t *testing.T, path string) (v T) {
	t.Helper()
	w := do(t, "GET", path)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"), path)
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v), path)
	return v
}

// element is one of a page's elements, in order.
type element struct {
	tag   string
	attrs map[string]string
	text  string // up to the next tag
	table string // the id or else the class of the table it is in
}

// parse returns the page's elements. It takes HTML as strictly as XML: every element is closed, and
// none by another.
func parse(t *testing.T, page string) (elements []element) {
	t.Helper()
	head, style, found := strings.Cut(page, "<style>")
	require.True(t, found)
	style, body, found := strings.Cut(style, "</style>")
	require.True(t, found)
	require.Equal(t, strings.Count(style, "{"), strings.Count(style, "}"))
	d := xml.NewDecoder(strings.NewReader(head + body))
	d.Entity = xml.HTMLEntity
	table := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements
		}
		require.NoError(t, err)
		switch x := token.(type) {
		case xml.StartElement:
			e := element{tag: x.Name.Local, attrs: map[string]string{}}
			for _, a := range x.Attr {
				require.NotContains(t, e.attrs, a.Name.Local)
				e.attrs[a.Name.Local] = a.Value
			}
			if e.tag == "table" {
				table = e.attrs["id"] + e.attrs["class"]
			}
			e.table = table
			elements = append(elements, e)
		case xml.EndElement:
			if x.Name.Local == "table" {
				table = ""
			}
		case xml.CharData:
			if len(elements) > 0 {
				elements[len(elements)-1].text += string(x)
			}
		}
	}
}

// figures returns the exact numbers of a table, row by row, by the rows' heads.
func figures(t *testing.T, elements []element, table string) map[string][]uint64 {
	t.Helper()
	rows := map[string][]uint64{}
	head := ""
	for _, e := range elements {
		if e.table != table {
			continue
		}
		switch {
		case e.tag == "tr" || e.tag == "thead":
			head = ""
		case (e.tag == "th" || e.tag == "a" || e.tag == "svg" || e.tag == "rect") && head == "":
			head = strings.TrimSpace(e.text)
		case e.tag == "data" && head != "":
			n, err := strconv.ParseUint(e.attrs["value"], 10, 64)
			require.NoError(t, err)
			rows[head] = append(rows[head], n)
		}
	}
	return rows
}

func TestPagesSayTheyNeedNothingElse(t *testing.T) {
	newHeap(t, `<b>"quoted"&amp;`)
	for _, path := range []string{"", "classes", "spans", "arenas", "?heap=%3Cb%3E%22quoted%22%26amp%3B", "?format=html"} {
		w := do(t, "GET", path)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; style-src 'sha256-")
		require.NotContains(t, policy, "unsafe")
		viewport := false
		for _, e := range parse(t, w.Body.String()) {
			require.NotContains(t, []string{"script", "link", "img", "iframe", "object", "base"}, e.tag)
			require.NotContains(t, e.attrs, "style", "the policy refuses it")
			for name, value := range e.attrs {
				require.False(t, strings.HasPrefix(name, "on"), name)
				require.NotContains(t, value, "//", "nothing elsewhere")
			}
			viewport = viewport || e.attrs["name"] == "viewport" && strings.Contains(e.attrs["content"], "width=device-width")
		}
		require.True(t, viewport)
	}
}

// Links of a page lead to pages.
func TestLinksLeadSomewhere(t *testing.T) {
	newHeap(t, "linked & <odd>")
	for _, page := range []string{"", "classes", "spans", "arenas", "?heap=linked+%26+%3Codd%3E"} {
		for _, e := range parse(t, get(t, page)) {
			if e.tag == "a" && !strings.Contains(e.attrs["href"], "seconds") {
				get(t, strings.TrimPrefix(e.attrs["href"], "./"))
			}
		}
	}
}

func TestBadParametersAreRefusedInASentence(t *testing.T) {
	newHeap(t, "parameters")
	for path, sentence := range map[string]string{
		"?colour=red":              `this page has no parameter "colour"; it takes heap, format.`,
		"?heap=lost":               `no open heap is named "lost".`,
		"?format=xml":              `format is "xml"; it may be html or json.`,
		"classes?format=":          `format is ""; it may be html or json.`,
		"classes?heap=lost":        `no open heap is named "lost".`,
		"spans?x=1":                `this page has no parameter "x"; it takes heap, format.`,
		"arenas?format=json&y":     `this page has no parameter "y"; it takes heap, format.`,
		"stats?format=html":        `this page has no parameter "format"; it takes heap.`,
		"metrics?heap=parameters":  `this page has no parameter "heap"; it takes none.`,
		"heap?seconds=0":           `seconds is "0"; it may be a whole number from 1 to 86400.`,
		"heap?seconds=1.5":         `seconds is "1.5"; it may be a whole number from 1 to 86400.`,
		"heap?seconds=":            `seconds is ""; it may be a whole number from 1 to 86400.`,
		"heap?seconds=1&seconds=2": `seconds is there 2 times.`,
		"heap?debug=2":             `debug is "2"; it may be a whole number from 0 to 1.`,
		"heap?heap=lost":           `no open heap is named "lost".`,
		"?heap=%zz":                `the parameters cannot be read: invalid URL escape "%zz".`,
	} {
		w := do(t, "GET", path)
		require.Equal(t, http.StatusBadRequest, w.Code, path)
		require.Equal(t, sentence+"\n", w.Body.String(), path)
	}
	require.Equal(t, http.StatusNotFound, do(t, "GET", "nothing").Code)
}

func TestRegisterServesUnderThePath(t *testing.T) {
	mux := http.NewServeMux()
	heapz.Register(mux)
	for path, code := range map[string]int{heapz.Path: http.StatusOK, heapz.Path + "stats": http.StatusOK, "/": http.StatusNotFound} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		require.Equal(t, code, w.Code, path)
	}
	w := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest("GET", heapz.Path, nil))
	require.Equal(t, http.StatusNotFound, w.Code, "an import registers nothing")
}

// Pages are read while heaps are used, made and closed.
func TestPagesUnderLoad(t *testing.T) {
	var others sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		others.Go(func() {
			for !done.Load() {
				h, err := spanheap.NewHeap(spanheap.Options{Name: "brief"})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 200 {
					b, err := h.Alloc(i * 100)
					if err != nil {
						t.Error(err)
					}
					if i%2 == 0 {
						h.Free(b)
					}
				}
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 5 {
		for _, path := range []string{"", "classes", "spans", "arenas"} {
			parse(t, get(t, path))
		}
		_, err := parseMetrics(get(t, "metrics"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, do(t, "POST", "release").Code)
		get(t, "heap")
	}
	done.Store(true)
	others.Wait()
}
