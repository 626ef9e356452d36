package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spanheap/spanheap/bench"
)

// A Builder makes the impls' programs in a folder of its own.
type Builder struct {
	Dir    string   // where the programs go
	Module string   // this module's folder
	Tags   []string // build tags for all workers in Go
	Say    func(format string, args ...any)

	mu     sync.Mutex // guards Say
	native sync.Mutex // held while the C program is made, which impls share
}

// ErrNoCompiler is returned for impls that need a C compiler where there is none.
var ErrNoCompiler = errors.New("no C compiler")

// Build builds the programs of the impls, and returns those that can be run and, about each of the
// others, a note that says why not. It is an error only when spanheap itself cannot be built.
func (b *Builder) Build(ctx context.Context, impls []*Impl) (ready []*Impl, notes []string, err error) {
	failed := make([]error, len(impls))
	var next atomic.Int32
	var building sync.WaitGroup
	for range runtime.NumCPU() {
		building.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(impls); n = int(next.Add(1)) - 1 {
				b.mu.Lock()
				b.Say("building %s", impls[n].Name)
				b.mu.Unlock()
				failed[n] = b.build(ctx, impls[n])
			}
		})
	}
	building.Wait()
	for n, i := range impls {
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case failed[n] == nil:
			ready = append(ready, i)
		case i.Name == Spanheap:
			return nil, nil, fmt.Errorf("building spanheap's worker: %w", failed[n])
		default:
			notes = append(notes, fmt.Sprintf("%s is left out: %v", i.Name, failed[n]))
		}
	}
	return ready, notes, nil
}

func (b *Builder) build(ctx context.Context, i *Impl) error {
	if i.binary != nil {
		return nil
	}
	programs := map[bool]string{}
	for _, zeroed := range i.fills() {
		program, err := b.program(ctx, i, zeroed)
		if err != nil {
			return err
		}
		programs[zeroed] = program
	}
	i.binary = programs
	return nil
}

func (b *Builder) program(ctx context.Context, i *Impl, zeroed bool) (string, error) {
	if i.Kind == Native {
		if i.library != "" && i.preload == "" {
			file, err := findLibrary(i.library)
			if err != nil {
				return "", err
			}
			i.preload, i.Version = file, versionOf(file)
		}
		return b.nativeProgram(ctx, i.Name == EmptyNative, zeroed)
	}
	for _, file := range i.needs {
		if _, err := os.Stat(file); err != nil {
			return "", fmt.Errorf("it needs %s", file)
		}
	}
	cgo := "0"
	if i.Kind == Cgo {
		if os.Getenv("CGO_ENABLED") == "0" {
			return "", errors.New("CGO_ENABLED is 0")
		}
		if _, err := compiler(); err != nil {
			return "", err
		}
		cgo = "1"
	}
	tags := strings.Join(append(i.tags(zeroed), b.Tags...), ",")
	program := filepath.Join(b.Dir, "worker-"+i.Name)
	if zeroed {
		program += "-zeroed"
	}
	if i.module != "" {
		i.Version = b.moduleVersion(ctx, i.module)
	}
	return program, b.run(ctx, []string{"CGO_ENABLED=" + cgo}, "go", "build", "-tags", tags, "-o", program, "./cmd/worker")
}

// nativeProgram compiles the C program, once for each of its forms.
func (b *Builder) nativeProgram(ctx context.Context, empty, zeroed bool) (string, error) {
	b.native.Lock()
	defer b.native.Unlock()
	program := filepath.Join(b.Dir, "native")
	var form []string
	switch {
	case empty:
		program, form = program+"-empty", []string{"-DEMPTY"}
	case zeroed:
		program, form = program+"-zeroed", []string{"-DZEROED"}
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cc, err := compiler()
	if err != nil {
		return "", err
	}
	source := filepath.Join(b.Dir, "source")
	if err := writeFiles(source, bench.Native); err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(source, "native", "*.c"))
	if err != nil {
		return "", err
	}
	// No call of the allocator may be taken for one whose effect the compiler knows.
	args := append(form, "-O2", "-std=c11", "-ffp-contract=off",
		"-fno-builtin-malloc", "-fno-builtin-calloc", "-fno-builtin-realloc", "-fno-builtin-free", "-o", program)
	args = append(append(args, files...), "-lpthread", "-lm")
	return program, b.run(ctx, nil, cc, args...)
}

func (b *Builder) run(ctx context.Context, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = b.Module, append(os.Environ(), env...)
	if output, err := c.CombinedOutput(); err != nil {
		if said := firstLines(string(output)); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

func firstLines(text string) string {
	lines := strings.SplitN(strings.TrimSpace(text), "\n", 4)
	return strings.Join(lines[:min(3, len(lines))], "; ")
}

func (b *Builder) moduleVersion(ctx context.Context, module string) string {
	c := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", module)
	c.Dir = b.Module
	output, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(output))
}

// compiler returns the C compiler.
func compiler() (string, error) {
	name := os.Getenv("CC")
	if name == "" {
		name = "cc"
	}
	file, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not found", ErrNoCompiler, name)
	}
	return file, nil
}

// libraryDirs are where systems have their shared libraries.
var libraryDirs = []string{"/usr/local/lib", "/usr/lib/*-linux-gnu*", "/usr/lib64", "/usr/lib", "/lib64", "/lib"}

func findLibrary(name string) (string, error) {
	for _, dir := range libraryDirs {
		if files, _ := filepath.Glob(filepath.Join(dir, name)); len(files) > 0 {
			return files[0], nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// versionOf returns the name of the file that a library's links lead to: it has the version in it.
func versionOf(library string) string {
	file, err := filepath.EvalSymlinks(library)
	if err != nil {
		return ""
	}
	return filepath.Base(file)
}

func writeFiles(dir string, files fs.FS) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	return os.CopyFS(dir, files)
}
