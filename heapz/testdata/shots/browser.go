package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
)

// browser is Chromium, started anew for each question.
type browser struct{ program, scratch string }

func newBrowser(scratch string) (browser, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return browser{program, scratch}, nil
		}
	}
	return browser{}, errors.New("there is no chromium; on Debian: apt-get install chromium")
}

func (b browser) run(width, height int, arguments ...string) ([]byte, error) {
	cmd := exec.Command(b.program, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
		"--user-data-dir=" + filepath.Join(b.scratch, "profile"), fmt.Sprintf("--window-size=%d,%d", width, height),
	}, arguments...)...)
	return cmd.Output()
}

// dom returns the page as the browser has understood it.
func (b browser) dom(url string) (string, error) {
	text, err := b.run(1200, 800, "--dump-dom", url)
	return string(text), err
}

// extent returns how wide and high the page is in a frame of the width; a window may not be as narrow as
// that. A script tells, in a copy of the page, which without its header allows one.
func (b browser) extent(url string, frame int) (width, height int, err error) {
	response, err := http.Get(url)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, 0, err
	}
	const tell = `<script>onload = () => { const e = document.documentElement; parent.postMessage(e.scrollWidth + 'x' + e.scrollHeight, '*') }</script>`
	inner, outer := filepath.Join(b.scratch, "page.html"), filepath.Join(b.scratch, "frame.html")
	around := fmt.Sprintf(`<title></title><script>onmessage = e => document.title = e.data</script><iframe src="page.html" width="%d" height="100" frameborder="0"></iframe>`, frame)
	if err := errors.Join(os.WriteFile(inner, append(page, tell...), 0o666), os.WriteFile(outer, []byte(around), 0o666)); err != nil {
		return 0, 0, err
	}
	text, err := b.run(1400, 800, "--virtual-time-budget=2000", "--dump-dom", "file://"+outer)
	if err != nil {
		return 0, 0, err
	}
	title := regexp.MustCompile(`<title>(\d+)x(\d+)</title>`).FindSubmatch(text)
	if title == nil {
		return 0, 0, fmt.Errorf("the browser does not tell how large %s is", url)
	}
	_, err = fmt.Sscan(string(title[1])+" "+string(title[2]), &width, &height)
	return width, height, err
}

// picture writes a picture of the page, in a palette of its commonest colours, which are nearly all it has.
func (b browser) picture(url, file string, width, height int, dark bool) error {
	scheme := "--blink-settings=preferredColorScheme=1"
	if dark {
		scheme = "--blink-settings=preferredColorScheme=0"
	}
	raw := filepath.Join(b.scratch, "raw.png")
	if _, err := b.run(width, height, scheme, "--screenshot="+raw, url); err != nil {
		return err
	}
	in, err := os.Open(raw)
	if err != nil {
		return err
	}
	defer in.Close()
	full, err := png.Decode(in)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	return errors.Join(encoder.Encode(out, withPalette(full)), out.Close())
}

func withPalette(full image.Image) image.Image {
	uses := map[color.RGBA]int{}
	r := full.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			uses[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++
		}
	}
	colors := make([]color.RGBA, 0, len(uses))
	for c := range uses {
		colors = append(colors, c)
	}
	slices.SortFunc(colors, func(a, b color.RGBA) int { return uses[b] - uses[a] })
	palette := color.Palette{}
	for _, c := range colors[:min(len(colors), 256)] {
		palette = append(palette, c)
	}
	paletted := image.NewPaletted(r, palette)
	draw.Draw(paletted, r, full, r.Min, draw.Src)
	return paletted
}
