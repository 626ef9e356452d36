package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spanheap/spanheap/heapz"
)

// serve runs memstat -http, and returns the pages' address.
func serve(scratch string) (site string, stop func(), err error) {
	program := filepath.Join(scratch, "memstat")
	build := exec.Command("go", "build", "-o", program, "./cmd/memstat")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", nil, err
	}
	service := exec.Command(program, "-http", "127.0.0.1:0")
	out, err := service.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	service.Stderr = os.Stderr
	if err := service.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = service.Process.Kill()
		_ = service.Wait()
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, err
	}
	return strings.TrimSpace(address), stop, nil
}

// sameNumbers checks that the overview in the browser has the numbers of /stats.
func sameNumbers(b browser, site string) error {
	response, err := http.Get(site + "stats")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var r heapz.Report
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		return err
	}
	page, err := b.dom(site)
	if err != nil {
		return err
	}
	s := r.Total
	for name, want := range map[string]uint64{
		"live": s.Live, "rounding": s.Rounding, "span tails": s.SpanTail, "cached slots": s.CachedSlots, "central slots": s.CentralSlots,
		"free pages": s.FreePages, "metadata": s.Metadata, "= backed": s.Backed, "released": s.Released, "untouched": s.Untouched,
		"= reserved": s.Reserved,
	} {
		row := regexp.MustCompile(`(?s)<th scope="row">(?:<svg[^>]*>.{0,80}</svg>)?` + name + `</th><td[^>]*><data value="(\d+)"`).FindStringSubmatch(page)
		if row == nil || row[1] != strconv.FormatUint(want, 10) {
			return fmt.Errorf("%s: the page shows %q, /stats says %d", name, row, want)
		}
	}
	fmt.Printf("the browser shows the %d numbers of /stats\n", 11)
	return nil
}
