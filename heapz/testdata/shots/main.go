// Command shots looks at heapz's pages with a browser: it runs memstat -http, checks that what the browser
// shows are the numbers of /stats and that no page is wider than a phone, and takes pictures.
//
//	go run ./heapz/testdata/shots -out DIR    pictures of all pages, at 375 and 1200 pixels, light and dark
//	go run ./heapz/testdata/shots -docs       those that docs/observability.md shows, to docs/pictures
//
// It runs in the module's folder and needs Chromium (on Debian: apt-get install chromium).
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

// shot is a picture of a page.
type shot struct {
	name, page string
	width      int
	dark, docs bool
}

var shots = []shot{
	{"overview", "", 1200, false, true}, {"overview-dark", "", 1200, true, false},
	{"overview-phone", "", 375, false, false}, {"overview-phone-dark", "", 375, true, true},
	{"classes", "classes", 1200, false, false}, {"classes-phone", "classes", 375, false, false},
	{"spans", "spans?heap=calm", 1200, false, false}, {"spans-phone", "spans?heap=calm", 375, true, false},
	{"arenas", "arenas", 1200, false, true}, {"arenas-phone", "arenas", 375, false, false},
	{"arenas-dark", "arenas", 1200, true, false},
	{"report", "report", 1200, false, false}, {"report-phone", "report", 375, true, false},
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "write the pictures to the folder `DIR`")
	docs := flag.Bool("docs", false, "take the pictures of the documentation")
	flag.Parse()
	if *docs {
		*out = filepath.Join("docs", "pictures")
	}
	if *out == "" {
		log.Fatal("shots: give it -out DIR or -docs")
	}
	if err := run(*out, *docs); err != nil {
		log.Fatal("shots: ", err)
	}
}

func run(out string, docs bool) error {
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "shots")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	b, err := newBrowser(scratch)
	if err != nil {
		return err
	}
	site, stop, err := serve(scratch)
	if err != nil {
		return err
	}
	defer stop()
	if err := sameNumbers(b, site); err != nil {
		return err
	}
	for _, s := range shots {
		width, height, err := b.extent(site+s.page, s.width)
		if err != nil {
			return err
		}
		if width > s.width {
			return fmt.Errorf("%s is %d pixels wide where there are %d", s.name, width, s.width)
		}
		if docs && !s.docs {
			continue
		}
		file := filepath.Join(out, s.name+".png")
		if err := b.picture(site+s.page, file, s.width, height, s.dark); err != nil {
			return err
		}
		fmt.Println(file)
	}
	return reportAndFlames(b, site, scratch, out)
}
