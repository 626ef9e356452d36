package spanheap

import (
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// What a type may contain. The collector does not look into off-heap memory, so a Go pointer there
// would soon dangle: types that contain one, at any depth, are refused. References (Ptr) are no Go
// pointers, and put the type into the scan classes. A type is checked once.

// typeInfo is what the heap knows of a type.
type typeInfo struct {
	word   uintptr         // typeWord's
	class  mheap.SpanClass // of one value, if that is a small block; else 0
	noscan bool
	err    error // ErrPointers, with the path of the first pointer
}

var (
	// types maps reflect.Type to *typeInfo.
	types sync.Map
	// typesByWord has the first types that came to its places, for those who are in a hurry.
	typesByWord [512]atomic.Pointer[typeInfo]
)

// infoOf returns what the heap knows of T.
func infoOf[T any]() *typeInfo {
	word := typeWord[T]()
	if info := placeOf(word).Load(); info != nil && info.word == word {
		return info
	}
	return checkType[T](word)
}

// placeOf returns the place in typesByWord where the type of the word is, or another.
func placeOf(word uintptr) *atomic.Pointer[typeInfo] {
	return &typesByWord[(word>>5^word>>14)%uintptr(len(typesByWord))]
}

func checkType[T any](word uintptr) *typeInfo {
	info := checkedType(reflect.TypeFor[T](), word)
	placeOf(word).CompareAndSwap(nil, info)
	return info
}

func checkedType(t reflect.Type, word uintptr) *typeInfo {
	if info, ok := types.Load(t); ok {
		return info.(*typeInfo)
	}
	info := &typeInfo{word: word, noscan: true}
	if path, kind := info.findPointer(t, ""); kind != reflect.Invalid {
		path = t.Name() + path
		if path == "" {
			path = t.String()
		}
		info.err = fmt.Errorf("spanheap: %w: %v: %s is a %v", ErrPointers, t, path, kind)
	}
	if n := t.Size(); info.err == nil && 0 < n && n <= sizeclass.MaxSmall {
		info.class = mheap.Small(n, info.noscan)
	}
	kept, _ := types.LoadOrStore(t, info)
	return kept.(*typeInfo)
}

var reference = reflect.TypeFor[interface{ offHeapReference() }]()

// findPointer returns the path below t to the first Go pointer, and its kind, or Invalid when there
// is none. It notes references on its way.
func (info *typeInfo) findPointer(t reflect.Type, path string) (string, reflect.Kind) {
	switch t.Kind() {
	case reflect.Pointer, reflect.UnsafePointer, reflect.String, reflect.Slice, reflect.Map,
		reflect.Chan, reflect.Func, reflect.Interface:
		return path, t.Kind()
	case reflect.Array:
		if t.Len() > 0 {
			return info.findPointer(t.Elem(), path+"[0]")
		}
	case reflect.Struct:
		if isReference(t) {
			info.noscan = false
			return "", reflect.Invalid
		}
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Name
			if name == "_" {
				name = "field " + strconv.Itoa(i)
			}
			if p, kind := info.findPointer(f.Type, path+"."+name); kind != reflect.Invalid {
				return p, kind
			}
		}
	}
	return "", reflect.Invalid
}

// isReference tells whether t is a Ptr, and not a struct that embeds one.
func isReference(t reflect.Type) bool {
	return t.Implements(reference) && t.PkgPath() == packagePath
}

// packagePath is this package's import path.
var packagePath = reflect.TypeFor[Heap]().PkgPath()
