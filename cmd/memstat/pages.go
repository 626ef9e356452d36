package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
)

// servePages listens on the address, runs the built-in load on two heaps, stops the one at its peak and the other
// at its end, and serves the pages about them until the context is done. The heaps give nothing back on their
// own, so that the pages stay what they are.
func servePages(ctx context.Context, s streams, address string, requests int) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close() // again, if it was served
	heap := func(name, purpose string) spanheap.Options {
		return spanheap.Options{Name: name, Purpose: purpose, Limit: 256 << 20, Scavenge: spanheap.Never()}
	}
	return onHeapWith(heap("busy", "a service at its peak"), func(busy *spanheap.Heap) error {
		return onHeapWith(heap("calm", "the same at its end"), func(calm *spanheap.Heap) error {
			if err := newService(busy, requests).serve(); err != nil {
				return err
			}
			service := newService(calm, requests)
			if err := service.serve(); err != nil {
				return err
			}
			service.calmDown()
			return serve(ctx, s, listener)
		})
	})
}

func serve(ctx context.Context, s streams, listener net.Listener) error {
	mux := http.NewServeMux()
	heapz.Register(mux)
	mux.Handle("GET /{$}", http.RedirectHandler(heapz.Path, http.StatusFound))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	fmt.Fprintf(s.out, "http://%s%s\n", listener.Addr(), heapz.Path)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
