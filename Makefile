.DEFAULT_GOAL := help
WASM_EXEC := $(shell go env GOROOT)/lib/wasm/go_js_wasm_exec
FUZZTIME ?= 60s
FUZZ := FuzzHeap:. FuzzContainerLimit:. FuzzSmaps:./internal/smaps FuzzSizes:./cmd/memstat FuzzByteCount:./cmd/memstat FuzzPages:./mheap FuzzRead:./internal/trace FuzzParse:./internal/debugvar FuzzRead:./internal/statpage
SOAK ?= 1h
# Tests on other processors, emulated, are the library's, and do less; $(1) is Go's name of the processor, $(2) qemu's.
emulated = SPANHEAP_TEST_EXEC=qemu-$(2) GOARCH=$(1) go test -short -tags spanheap_slow -exec qemu-$(2) $(LIBRARY)
SYSTEMS = linux/amd64 linux/386 linux/arm64 linux/s390x darwin/arm64 windows/amd64 freebsd/amd64 netbsd/amd64 openbsd/amd64 dragonfly/amd64 js/wasm wasip1/wasm
# What make lint vets for each of them.
VETTED = ./...
# As for a debugger, but for the standard library.
NO_OPT = github.com/spanheap/spanheap/...=-N -l
# Systems whose programs and tests make compile-tests links; make lint only vets the others.
FOREIGN = darwin/arm64 windows/amd64 freebsd/amd64
# Flags for make bench-short.
BENCH =
LIBRARY = . ./arena/... ./internal/... ./mcache ./mcentral ./mheap ./sizeclass
WAZERO = $(shell go -C internal/tools tool -n wazero)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
build: ## build everything
	go build ./...
test: ## run all tests
	go test ./...
race: ## run all tests under the race detector, but those that match SKIP
	go test -race $(if $(SKIP),-skip '$(SKIP)') ./...
portable: ## run all tests with caches under locks instead of pinning
	go test -tags spanheap_portable ./...
unoptimised: ## run tests built as for a debugger, where a visit finds nobody and all goes by the slow path; link those with the largest frames
	go test -gcflags='all=-N -l' -run 'Stress|Alloc|Free|Tiny|Large' . ./mcache
	GOARCH=arm64 go test -gcflags='$(NO_OPT)' -c -o /dev/null .
	GOARCH=ppc64le go test -gcflags='$(NO_OPT)' -c -o /dev/null .
	go test -cover -covermode=atomic -gcflags='$(NO_OPT)' -c -o /dev/null .
	go test -race -gcflags='$(NO_OPT)' -c -o /dev/null .
debug: ## run all tests with the lock order checked
	go test -tags spanheap_debug ./...
sampled: ## run the root package's tests with every block in the heap profile
	SPANHEAP_TEST_PROFILE_RATE=1 go test -count=1 .
test-386: ## run all tests as a 32-bit program
	GOARCH=386 go test ./...
test-js: ## run all tests as js/wasm, under Node
	GOOS=js GOARCH=wasm go test -exec "$(WASM_EXEC)" ./...
test-arm64: ## run all tests on arm64, under qemu-user
	$(call emulated,arm64,aarch64)
test-s390x: ## run all tests on s390x, which is big-endian, under qemu-user
	$(call emulated,s390x,s390x)
test-wasip1: ## run all tests as wasip1/wasm, under wazero
	GOOS=wasip1 GOARCH=wasm go test -short -exec "$(WAZERO) run -mount=/:/ -env-inherit -cachedir=$(or $(TMPDIR),/tmp)/wazero" $(LIBRARY)
# Go before 1.27 now and then takes the end of the time for a failure: a deadline exceeded, and no failing input
# (golang/go#75804).
fuzz: ## fuzz each target for FUZZTIME (60s)
	@for target in $(FUZZ); do \
		said=$$(go test -run '^$$' -fuzz "^$${target%%:*}$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$${target#*:}" 2>&1); failed=$$?; \
		echo "$$said"; \
		case $$failed,"$$said" in 0,*) ;; *"Failing input"*) exit 1 ;; *"context deadline exceeded"*) ;; *) exit 1 ;; esac; \
	done
model: ## check the models of the lock-free parts, with spin and a C compiler
	model/check.sh
soak: ## let random everything happen to a heap for SOAK (1h), and check it each second
	go test -tags spanheap_soak -count=1 -run '^TestSoak$$' -timeout 0 -v . -soak $(SOAK) -soak.json
bench: ## run the benchmarks beside other allocators and write bench/results
	cd bench && go run ./cmd/spanbench $(if $(wildcard ../shared/traces),-traces ../../shared/traces)
bench-short: ## run the benchmarks in short; fail if a lock has come upon the fast path
	cd bench && go run ./cmd/spanbench -short $(BENCH)
test-diff: ## vet and test memstat-diff, a module of its own
	cd cmd/memstat-diff && go vet ./... && go test ./...
test-bench: ## vet and test the benchmarks, a module of their own
	cd bench && go vet ./... && go test ./...
gen: ## write the size-class tables
	go generate ./...
shots: ## look at heapz's pages with Chromium: check numbers and widths, and put pictures into OUT (shots)
	go run ./heapz/testdata/shots -out $(or $(OUT),shots)
pictures: ## take the pictures of docs/observability.md, with Chromium
	go run ./heapz/testdata/shots -docs
lint: ## vet for every system, and check the formatting
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	@for os in $(SYSTEMS); do echo "vet $$os"; GOOS=$${os%/*} GOARCH=$${os#*/} go vet $(VETTED) || exit 1; done
	@go vet -tags spanheap_soak .
compile-tests: ## compile and link all programs and the library's tests for other systems
	@for os in $(FOREIGN); do echo "link $$os"; GOOS=$${os%/*} GOARCH=$${os#*/} go test -vet=off -run '^$$' -exec true $(LIBRARY) ./cmd/... >/dev/null || exit 1; done
cover: ## show how much of the code the tests reach
	go test -coverpkg ./... -coverprofile cover.out ./... && go tool cover -func cover.out | tail -n 1
.PHONY: help build test race portable unoptimised debug sampled model test-diff test-386 test-js test-arm64 test-s390x test-wasip1 fuzz soak bench bench-short test-bench gen lint compile-tests cover shots pictures
