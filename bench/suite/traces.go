package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spanheap/spanheap/bench/flat"
)

// A TraceFile is a recorded trace to be replayed.
type TraceFile struct {
	Name string // for reports
	Path string
}

// RowName is the name of its row.
func (f TraceFile) RowName() string { return "trace=" + f.Name }

const traceSuffix = ".trace.gz"

// FindTraces returns the traces in a folder. It is an error if there is none, of either.
func FindTraces(dir string) ([]TraceFile, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+traceSuffix))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no file in %s ends in %s", dir, traceSuffix)
	}
	var files []TraceFile
	for _, p := range paths {
		files = append(files, TraceFile{strings.TrimSuffix(filepath.Base(p), traceSuffix), p})
	}
	return files, nil
}

// SmallTraces returns the project's own traces, in the folder of package trace's samples, that are long
// enough to be timed.
func SmallTraces(dir string) []TraceFile {
	var files []TraceFile
	for _, name := range []string{"compiler", "service"} {
		files = append(files, TraceFile{name, filepath.Join(dir, name+traceSuffix)})
	}
	return files
}

// A TraceRow is a trace with what came of it, by the impls' names.
type TraceRow struct {
	Name     string            `json:"name"`
	Events   int               `json:"events"`
	PeakLive uint64            `json:"peak_live"` // bytes
	Time     map[string]Spread `json:"ns_per_event"`
	Resident map[string]Spread `json:"resident"` // bytes above the level before the first event; 0 where the system does not tell
}

// OverLive returns the median of the impl's resident bytes over the peak of live ones.
func (r TraceRow) OverLive(impl string) (ratio float64, ok bool) {
	s, has := r.Resident[impl]
	return s.Median / float64(r.PeakLive), has && s.Median > 0 && r.PeakLive > 0
}

// Times returns the row as one of the time per event.
func (r TraceRow) Times() Row { return Row{Values: r.Time} }

// traceTasks decodes the traces into files, and returns the replays of a round, those that are made once, and
// what puts their values into rows.
func (s *Suite) traceTasks(ctx context.Context) (tasks, once []*task, fill func(*Outcome), err error) {
	var rows []TraceRow
	times, residents := map[string]map[string][]float64{}, map[string]map[string][]float64{}
	for n, file := range s.Traces {
		if !s.wants(file.RowName()) {
			continue
		}
		s.Step(0, 0, "decoding "+file.Name)
		flatFile, row, err := s.decode(file, n)
		if err != nil {
			return nil, nil, nil, err
		}
		rows = append(rows, row)
		time, resident := map[string][]float64{}, map[string][]float64{}
		times[file.Name], residents[file.Name] = time, resident
		for _, i := range s.Impls {
			if !i.replays {
				continue
			}
			replay := &task{
				name: "impl=" + i.Name + "/trace=" + file.Name,
				do: func(ctx context.Context) error {
					l, err := i.measure(ctx, measurement{
						program: i.program(false), about: 3 * s.Time, keys: []string{"ns/event", "resident"},
						on:   s.processorFor(i, file.RowName(), 1),
						args: []string{"replay", flatFile, milliseconds(3 * s.Time)},
					})
					if err == nil {
						time[i.Name] = append(time[i.Name], l["ns/event"])
						resident[i.Name] = append(resident[i.Name], l["resident"])
					}
					return err
				},
			}
			if i.slowly {
				once = append(once, replay)
			} else {
				tasks = append(tasks, replay)
			}
		}
	}
	return tasks, once, func(out *Outcome) {
		for _, r := range rows {
			r.Time, r.Resident = spreads(times[r.Name]), spreads(residents[r.Name])
			if len(r.Time) > 0 {
				out.Traces = append(out.Traces, r)
			}
		}
	}, ctx.Err()
}

// decode writes the flat form of a trace beside spanheap's worker.
func (s *Suite) decode(file TraceFile, n int) (flatFile string, row TraceRow, err error) {
	in, err := os.Open(file.Path)
	if err != nil {
		return "", row, err
	}
	defer in.Close()
	t, err := flat.Decode(in)
	if err != nil {
		return "", row, fmt.Errorf("%s: %w", file.Path, err)
	}
	flatFile = filepath.Join(s.Scratch, fmt.Sprintf("trace-%d", n))
	return flatFile, TraceRow{Name: file.Name, Events: len(t.Events), PeakLive: t.PeakLive}, t.Write(flatFile)
}
