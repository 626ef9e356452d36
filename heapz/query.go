package heapz

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spanheap/spanheap"
)

// badRequest is an error that is the client's: a sentence that says what to mend.
type badRequest string

func (e badRequest) Error() string { return string(e) }

func refuse(format string, args ...any) error { return badRequest(fmt.Sprintf(format, args...)) }

// query is a request's parameters, of which each is there once at most.
type query struct{ url.Values }

// parse returns the request's parameters, if they are among those known.
func parse(r *http.Request, known ...string) (query, error) {
	if err := r.ParseForm(); err != nil {
		return query{}, refuse("the parameters cannot be read: %v.", err)
	}
	for name, values := range r.Form {
		if !slices.Contains(known, name) {
			return query{}, refuse("this page has no parameter %q; it takes %s.", name, list(known))
		}
		if len(values) > 1 {
			return query{}, refuse("%s is there %d times.", name, len(values))
		}
	}
	return query{r.Form}, nil
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// number returns the parameter's value, a whole number from least to most, or absent.
func (q query) number(name string, absent, least, most int64) (int64, error) {
	if !q.Has(name) {
		return absent, nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, refuse("%s is %q; it may be a whole number from %d to %d.", name, q.Get(name), least, most)
	}
	return n, nil
}

// heaps returns the open heaps, or those of the name that the parameter heap gives.
func (q query) heaps() ([]*spanheap.Heap, error) {
	open := spanheap.Heaps()
	if !q.Has("heap") {
		return open, nil
	}
	named := slices.DeleteFunc(open, func(h *spanheap.Heap) bool { return h.Name() != q.Get("heap") })
	if len(named) == 0 {
		return nil, refuse("no open heap is named %q.", q.Get("heap"))
	}
	return named, nil
}
