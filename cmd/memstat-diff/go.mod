module github.com/spanheap/spanheap/cmd/memstat-diff

go 1.25.0

require (
	github.com/dustin/go-humanize v1.1.0
	github.com/google/pprof v0.0.0-20251007162407-5df77e3f7d1d
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
