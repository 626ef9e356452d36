//go:build !linux

package statpage

import "errors"

// Writer cannot be had on this system.
type Writer struct{ writer }

// Create returns an error that wraps errors.ErrUnsupported.
func Create() (*Writer, error) { return nil, errors.ErrUnsupported }

// Write makes p the page's state.
func (w *Writer) Write(p *Page) error { return w.write(p) }

// Close ends the page.
func (w *Writer) Close() error { return nil }
