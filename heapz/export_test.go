package heapz

// NewHandler is Handler with the waiting in the caller's hands.
var NewHandler = newHandler
