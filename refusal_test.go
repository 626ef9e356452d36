package spanheap_test

import (
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// Types that hold Go pointers, each in another place.
type (
	withString struct {
		N    int
		Name string
	}
	withPointer struct{ Next *withPointer }
	deep        struct {
		A int
		B struct{ C [4]struct{ D, E any } }
	}
	embeds         struct{ withString }
	blank          struct{ _ map[int]int }
	second         struct{ A, B, C []byte }
	boxOf          [2]struct{ F func() }
	generic[T any] struct {
		Ref  spanheap.Ptr[T]
		Item T
	}
	named    string
	viaNamed struct{ Title named }
	alien    struct{ P unsafe.Pointer }
	channel  struct{ C <-chan int }
)

func TestTypesWithGoPointersAreRefused(t *testing.T) {
	for _, c := range []struct {
		try        func(*spanheap.Heap) error
		path, kind string
	}{
		{refused[withString], "withString.Name", "string"},
		{refused[withPointer], "withPointer.Next", "ptr"},
		{refused[deep], "deep.B.C[0].D", "interface"},
		{refused[embeds], "embeds.withString.Name", "string"},
		{refused[blank], "blank.field 0", "map"},
		{refused[second], "second.A", "slice"},
		{refused[boxOf], "boxOf[0].F", "func"},
		{refused[generic[string]], "generic[string].Item", "string"},
		{refused[viaNamed], "viaNamed.Title", "string"},
		{refused[alien], "alien.P", "unsafe.Pointer"},
		{refused[channel], "channel.C", "chan"},
		{refused[struct{ A struct{ B error } }], ".A.B", "interface"},
		{refused[[3]struct{ S []int }], "[0].S", "slice"},
		{refused[named], "named", "string"},
		{refused[string], "string", "string"},
		{refused[error], "error", "interface"},
	} {
		h := newHeap(t)
		err := c.try(h)
		require.ErrorIs(t, err, spanheap.ErrPointers)
		require.ErrorContains(t, err, c.path+" is a "+c.kind)
		require.Equal(t, err, c.try(h), "a second time too")
		require.Zero(t, h.Stats().Mallocs)
		closeEmpty(t, h)
	}
}

// refused tries to allocate Ts, and returns the error.
func refused[T any](h *spanheap.Heap) error {
	if _, err := spanheap.New[T](h); err == nil {
		return nil
	}
	_, err := spanheap.MakeSlice[T](h, 0, 4)
	return err
}

// A type without a name has no path of its own to begin with; the message still names the type.
func TestRefusalOfNamelessTypes(t *testing.T) {
	h := newHeap(t)
	for text, err := range map[string]error{
		"spanheap: type contains Go pointers: *int: *int is a ptr":                         refused[*int](h),
		"spanheap: type contains Go pointers: []uint8: []uint8 is a slice":                 refused[[]byte](h),
		"spanheap: type contains Go pointers: map[int]bool: map[int]bool is a map":         refused[map[int]bool](h),
		"spanheap: type contains Go pointers: func(): func() is a func":                    refused[func()](h),
		"spanheap: type contains Go pointers: unsafe.Pointer: Pointer is a unsafe.Pointer": refused[unsafe.Pointer](h),
	} {
		require.EqualError(t, err, text)
	}
	closeEmpty(t, h)
}

func TestTypesWithoutGoPointersAreAllowed(t *testing.T) {
	type handle uintptr
	for _, try := range []func(*spanheap.Heap) error{
		allowed[uintptr], allowed[handle], allowed[complex64], allowed[[4]bool],
		allowed[[0]string], allowed[struct{ _ [0]func() }], allowed[struct{}],
		allowed[spanheap.Ptr[string]], allowed[generic[int]],
		allowed[struct{ spanheap.Ptr[point] }], // embedded
		allowed[struct{ A [2][2]generic[[3]point] }],
	} {
		h := newHeap(t)
		require.NoError(t, try(h))
		closeEmpty(t, h)
	}
}

func allowed[T any](h *spanheap.Heap) error {
	p, err := spanheap.New[T](h)
	spanheap.Delete(p)
	return err
}
