package heapz

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/spanheap/spanheap"
)

// metrics are all metrics in Prometheus's text format, version 0.0.4: of every heap those that heaps have, by
// the labels heap, its name, and id, its number, since names need not be unique; of the process the others.
func metrics(w http.ResponseWriter, r *http.Request) error {
	if _, err := parse(r); err != nil {
		return err
	}
	all := spanheap.AllMetrics()
	process := newSamples(all)
	spanheap.ReadMetrics(process)
	heaps := spanheap.Heaps()
	own := make([][]spanheap.MetricSample, len(heaps))
	for i, h := range heaps {
		own[i] = newSamples(all)
		h.ReadMetrics(own[i])
	}
	var b bytes.Buffer
	for i, m := range all {
		name, kind := prometheusName(m), "gauge"
		if m.Cumulative {
			kind = "counter"
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, helpEscaper.Replace(m.Description), name, kind)
		if m.Process {
			fmt.Fprintf(&b, "%s %d\n", name, process[i].Value.Uint64())
			continue
		}
		for k, h := range heaps {
			if v := own[k][i].Value; v.Kind() == spanheap.MetricUint64 { // else it was closed just now
				fmt.Fprintf(&b, "%s{heap=\"%s\",id=\"%d\"} %d\n", name, labelEscaper.Replace(h.Name()), h.ID(), v.Uint64())
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(b.Bytes())
	return nil
}

func newSamples(all []spanheap.Metric) []spanheap.MetricSample {
	samples := make([]spanheap.MetricSample, len(all))
	for i, m := range all {
		samples[i].Name = m.Name
	}
	return samples
}

// prometheusName returns the metric's name by Prometheus's customs: words and the unit, joined by
// underscores, and total behind what is cumulative. A unit that the words begin with stands there alone.
func prometheusName(m spanheap.Metric) string {
	words, unit, _ := strings.Cut(m.Name, ":")
	name := strings.NewReplacer("/", "_", "-", "_").Replace(strings.TrimPrefix(words, "/"))
	if !strings.Contains(words, "/"+unit+"/") {
		name += "_" + unit
	}
	if m.Cumulative {
		name += "_total"
	}
	return name
}

var (
	helpEscaper  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)
