package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/statpage"
)

// remote is a process that serves the handlers of package heapz.
type remote struct {
	name   string // as it was given
	base   string // ends in a slash
	client *http.Client
}

const (
	handlersPath    = "/debug/spanheap/"
	handlerPatience = 10 * time.Second // for one answer
	mostOfAnAnswer  = 64 << 20         // bytes
)

// newRemote takes http://HOST:PORT, with or without the path of the handlers, and unix:PATH.
func newRemote(name string) (*remote, error) {
	r := &remote{name: name, client: &http.Client{Timeout: handlerPatience}}
	if path, found := strings.CutPrefix(name, "unix:"); found && path != "" {
		r.base = "http://unix" + handlersPath
		r.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		return r, nil
	}
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("%q is no number of a process, no http://HOST:PORT and no unix:PATH", name)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = handlersPath
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	r.base = u.String()
	return r, nil
}

// get returns what a page of the handlers answers.
func (r *remote) get(page string) ([]byte, error) {
	answer, err := r.client.Get(r.base + page)
	if err != nil {
		var reason *url.Error
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostOfAnAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	if answer.StatusCode != http.StatusOK {
		reason, _, _ := strings.Cut(string(body), "\n")
		return nil, fmt.Errorf("%s: %s answers %s: %s", r.name, page, answer.Status, printable(reason[:min(len(reason), 200)]))
	}
	if len(body) > mostOfAnAnswer {
		return nil, fmt.Errorf("%s: %s answers more than %s", r.name, page, size(mostOfAnAnswer))
	}
	return body, nil
}

// served is what the handlers' stats say.
type served struct {
	Heaps []struct {
		ID      uint64         `json:"id"`
		Name    string         `json:"name"`
		Purpose string         `json:"purpose"`
		Limit   uint64         `json:"limit"`
		Stats   spanheap.Stats `json:"stats"`
	} `json:"heaps"`
}

func (r *remote) look() (sight, error) {
	s := sight{title: r.name}
	body, err := r.get("stats")
	if err != nil {
		return s, err
	}
	var stats served
	if err := json.Unmarshal(body, &stats); err != nil {
		return s, fmt.Errorf("%s: stats: %w", r.name, err)
	}
	s.page = &statpage.Page{Process: statpage.Process{OpenHeaps: uint64(len(stats.Heaps)), Written: uint64(time.Now().UnixNano())}}
	for _, h := range stats.Heaps {
		record := recordOf(h.Stats)
		record.ID, record.Name, record.Purpose, record.Limit = h.ID, h.Name, h.Purpose, h.Limit
		s.page.Heaps = append(s.page.Heaps, record)
	}
	return s, nil
}

// recordOf returns Stats as a page has them. What these do not have, the blocks of each class and how full its
// spans are, is 0.
func recordOf(s spanheap.Stats) statpage.Heap {
	h := statpage.Heap{
		Summed: 1, Live: s.Live, Rounding: s.Rounding, SpanTail: s.SpanTail, CachedSlots: s.CachedSlots,
		CentralSlots: s.CentralSlots, FreePages: s.FreePages, Metadata: s.Metadata, Backed: s.Backed,
		Released: s.Released, Mapped: s.Mapped, Untouched: s.Untouched, Reserved: s.Reserved, Guards: s.Guards, HugeAsked: s.HugeAsked,
		LiveBlocks: s.LiveBlocks, Mallocs: s.Mallocs, Frees: s.Frees, Spans: s.Spans, Arenas: s.Arenas,
	}
	for _, c := range s.Classes {
		h.Rows = append(h.Rows, statpage.Row{
			Class: classNumber(c.Name), Size: c.Size, Spans: c.Spans, SpanBytes: c.SpanBytes, Slots: c.Slots,
			LiveSlots: c.LiveSlots, Live: c.Live, Rounding: c.Rounding, SpanTail: c.SpanTail,
			CachedSlots: c.CachedSlots, CentralSlots: c.CentralSlots,
		})
	}
	return h
}

// classNumber is the inverse of className.
func classNumber(name string) uint64 {
	switch name {
	case "tiny":
		return statpage.Tiny
	case "guarded":
		return statpage.Guarded
	case "large":
		return statpage.Large
	}
	n, _ := strconv.ParseUint(name, 10, 16)
	return n
}
