package heapz

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

//go:embed pages
var files embed.FS

// style is the only style sheet, which every page holds; policy allows it by its hash, and nothing else.
var (
	style  = mustRead("pages/style.css")
	policy = contentSecurityPolicy(style)
	html   = template.Must(template.New("").Funcs(functions).ParseFS(files, "pages/*.html"))
)

func mustRead(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func contentSecurityPolicy(style string) string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// tab is a link at the head of a page.
type tab struct {
	Link, Text, Heap string
	Here             bool
}

func newTab(d document, link, name, text string) tab { return tab{link, text, d.Heap, d.Name == name} }

// document is what a page's template gets.
type document struct {
	Name    string // the template's, and the page's path
	Title   string
	Heap    string // the parameter heap; "" for all heaps
	Program string
	PID     int
	Go      string
	Time    time.Time
	Alone   bool // a page that is kept as a file, without links to the others
	Style   template.CSS
	Body    any
}

// Page is the page's address without parameters.
func (d document) Page() string {
	if d.Name == "classes" || d.Name == "spans" || d.Name == "arenas" {
		return d.Name
	}
	return "./"
}

// show writes the page of the name.
func show(w http.ResponseWriter, q query, name, title string, body any) error {
	d := document{
		Name: name, Title: title, Heap: q.Get("heap"), Program: filepath.Base(os.Args[0]), PID: os.Getpid(), Go: runtime.Version(),
		Time: time.Now(), Style: template.CSS(style), Body: body,
	}
	var page bytes.Buffer
	if err := html.ExecuteTemplate(&page, name+".html", d); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(page.Bytes()) // an error is the client's going away
	return nil
}

// showJSON writes the object.
func showJSON(w http.ResponseWriter, object any) error {
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n'))
	return nil
}
