package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// reportAndFlames takes the pictures of what is made of files: the head of memstat html's report, and the flame
// graph that go tool pprof draws of what is wasted.
func reportAndFlames(b browser, site, scratch, out string) error {
	memstat, report, profile := filepath.Join(scratch, "memstat"), filepath.Join(scratch, "report.html"), filepath.Join(scratch, "heap.pb.gz")
	for _, args := range [][]string{{"html", "-o", report, site}, {"profile", "-o", profile, site}} {
		cmd := exec.Command(memstat, args...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("memstat %s: %w", args[0], err)
		}
	}
	if err := take(b, "file://"+report, filepath.Join(out, "report-head.png"), 1080); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	listener.Close()
	pprof := exec.Command("go", "tool", "pprof", "-http="+address, "-no_browser", "-sample_index=waste_space", profile)
	pprof.Env = append(os.Environ(), "PPROF_TMPDIR="+scratch)
	if err := pprof.Start(); err != nil {
		return err
	}
	defer func() {
		_ = pprof.Process.Kill()
		_ = pprof.Wait()
	}()
	flames := "http://" + address + "/ui/flamegraph?si=waste_space&f=service"
	for tries := 0; ; tries++ {
		response, err := http.Get(flames)
		if err == nil {
			response.Body.Close()
			break
		}
		if tries == 100 {
			return fmt.Errorf("go tool pprof does not serve: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return take(b, flames, filepath.Join(out, "flames-of-waste.png"), 380)
}

func take(b browser, url, file string, height int) error {
	if err := b.picture(url, file, 1200, height, false); err != nil {
		return err
	}
	fmt.Println(file)
	return nil
}
