package trace

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// An unzipper reads the decompressed stream of a gzip file, whose members may be several, one behind
// the other. What is wrong with the file is told by an *Error with an offset in the file.
type unzipper struct {
	file   countingReader
	member *gzip.Reader // the one being read
}

// newUnzipper returns an unzipper that stands at the first byte of the stream.
func newUnzipper(r io.Reader) (*unzipper, error) {
	u := &unzipper{file: countingReader{in: bufio.NewReaderSize(r, 1<<16)}}
	head, err := u.file.in.Peek(len(gzipMagic))
	switch {
	case len(head) == 0 && err == io.EOF:
		return nil, &Error{InFile: true, Reason: "an empty file, not a trace"}
	case err != nil && err != io.EOF:
		return nil, err
	case string(head) != gzipMagic:
		return nil, &Error{InFile: true, Reason: fmt.Sprintf("not a gzip file: it begins with %q", head)}
	}
	if u.member, err = gzip.NewReader(&u.file); err != nil {
		return nil, u.fileError(err)
	}
	u.member.Multistream(false)
	return u, nil
}

// gzipMagic is how every member of a gzip file begins.
const gzipMagic = "\x1f\x8b"

// Read reads on. It returns io.EOF after the last member, if nothing is behind it.
func (u *unzipper) Read(p []byte) (int, error) {
	for {
		n, err := u.member.Read(p)
		if err == io.EOF {
			err = u.nextMember()
		} else if err != nil {
			err = u.fileError(err)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// nextMember goes on to the member behind the one that has ended, or returns io.EOF.
func (u *unzipper) nextMember() error {
	head, err := u.file.in.Peek(len(gzipMagic))
	switch {
	case err != nil && err != io.EOF:
		return err
	case len(head) == 0:
		return io.EOF
	case string(head) != gzipMagic:
		return &Error{InFile: true, Offset: u.file.offset, Reason: "bytes follow the end of the gzip stream"}
	}
	if err := u.member.Reset(&u.file); err != nil {
		return u.fileError(err)
	}
	u.member.Multistream(false)
	return nil
}

// fileError returns the error for a file that could not be unzipped on from its offset.
func (u *unzipper) fileError(err error) error {
	at := func(reason string, err error) error {
		return &Error{InFile: true, Offset: u.file.offset, Reason: reason, Err: err}
	}
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return at("cut short: the file ends inside the gzip stream", io.ErrUnexpectedEOF)
	case errors.Is(err, gzip.ErrHeader):
		return at("the gzip stream has a broken header", err)
	case errors.Is(err, gzip.ErrChecksum):
		return at("the gzip stream has a wrong checksum", err)
	case errors.As(err, &corrupt):
		return at("the gzip stream is corrupt", err)
	}
	return err
}

// A countingReader knows how many bytes were read. Since it reads single bytes too, a decompressor
// takes none from it that it does not need.
type countingReader struct {
	in     *bufio.Reader
	offset int64 // of the next byte
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.offset += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.in.ReadByte()
	if err == nil {
		c.offset++
	}
	return b, err
}
