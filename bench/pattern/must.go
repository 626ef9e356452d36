package pattern

// must returns v. Allocators do not fail here, whoever runs a pattern has the memory; one that does
// ends the process.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
