// Package pattern holds the workloads that allocators are measured with, and the allocators.
//
// The patterns are written once, against a few names that one file of this package defines: the
// subject. A build tag chooses that file, so that every call of a pattern is a static call to the
// allocator, inlined where a user's would be: a type parameter's methods are called through a
// dictionary, an interface's through a table, and either costs as much as a fast allocation. Without
// a tag the subject is spanheap; the tags peer and peer_NAME make it NAME, the tag zeroed makes it
// hand out zeroed blocks where it can do both.
//
// What a subject defines:
//
//	block            what an allocation returns and a free takes
//	bytesOf(block)   its bytes, of which there are as many as were asked for
//	handle           one goroutine's way to the allocator
//	open()           a new handle
//	handle.get(n)    allocates n bytes
//	handle.put(b)    frees
//	handle.close()   the handle is not used any more
//
// native has the same patterns in C: the same sequences of random numbers, sizes, touches and groups,
// and the same ways of waiting. What is changed here is changed there.
package pattern
