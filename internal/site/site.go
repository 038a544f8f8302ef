// Package site writes the lesson as a static site: the chapters as pages, every cell of the matrix
// as a recorded run, and the explorer, which runs in the visitor's browser.
package site

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/site/player"
	"example.com/triplecharge/internal/web"
)

//go:embed static
var static embed.FS

var templates = template.Must(web.Templates(func(c web.Chapter) string {
	return c.Name + ".html"
}).ParseFS(static, "static/*.html"))

// Site is what goes into a site.
type Site struct {
	Docs    fs.FS  // Markdown pages, and the pictures that they show
	Source  string // address of the source's root, for links to it; "": these are text
	Cells   []Cell
	Exec    string // wasm_exec.js of the Go release that compiled the program
	Program []byte // internal/site/wasm, compiled
}

// Cell is a cell of the matrix, with its recorded run; without Events, it was not recorded.
type Cell struct {
	report.Cell
	player.Recording
}

// Recorded reports whether there is a run to watch.
func (c Cell) Recorded() bool { return len(c.Events) > 0 }

// link is a page in a list.
type link struct{ File, Name string }

// page is the data of a page.
type page struct {
	Title, File string
	Kind        string // the template; it needs the script, unless it is "page"
	Tabs        []link
	Body        template.HTML
	Next        *link // the chapter after this one
	Modes       []billing.Mode
	Faults      []faults.Row
	Matrix      web.Matrix
	About       string      // the page about the matrix
	Stages      map[int]any // where a script shows one run, or two; empty: there is none
}

// Write writes the site into the folder, which must exist.
func (s Site) Write(folder string) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files returns the site's files by their names.
func (s Site) files() (map[string][]byte, error) {
	files, err := s.pages()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"site.js", "site.css"} {
		if files[name], err = static.ReadFile("static/" + name); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"page.css", "picture.js", "matrix.js"} {
		if files[name], err = web.Static(name); err != nil {
			return nil, err
		}
	}
	if files["program.js"], err = s.program(); err != nil {
		return nil, err
	}
	for mode, recorded := range s.recorded() {
		text, err := json.Marshal(recorded)
		if err != nil {
			return nil, err
		}
		files["runs/"+mode+".js"] = fmt.Appendf(nil, "runs[%q] = %s;\n", mode, text)
	}
	return files, nil
}

// program returns a script with the program in it, since a page from a folder may read scripts
// only.
func (s Site) program() ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(s.Program)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]string{
		"exec": s.Exec, "wasm": base64.StdEncoding.EncodeToString(packed.Bytes()),
	})
	return fmt.Appendf(nil, "const program = %s;\n", text), err
}

// run is a recording, and what there is to read about it.
type run struct {
	player.Recording
	Chapters []web.Chapter `json:"chapters"`
}

// recorded returns the recordings by mode and fault.
func (s Site) recorded() map[string]map[faults.Fault]run {
	all := map[string]map[faults.Fault]run{}
	for _, c := range s.Cells {
		if all[c.Mode] == nil {
			all[c.Mode] = map[faults.Fault]run{}
		}
		if c.Recorded() {
			all[c.Mode][c.Fault] = run{c.Recording, web.ChaptersOf(c.Mode, c.Fault)}
		}
	}
	return all
}

// matrix returns the table of the cells, which lead to their runs.
func (s Site) matrix() web.Matrix {
	var cells []web.MatrixCell
	for _, c := range s.Cells {
		cell := web.NewCell(c.Mode, c.Fault, c.Expected, c.After, c.Recovered)
		if cell.Short = c.Short(); c.Err != nil {
			cell.Words, cell.Said = "", []string{c.Short()}
		}
		if c.Recorded() {
			cell.Link = address(c.Mode, string(c.Fault))
		}
		cells = append(cells, cell)
	}
	return web.NewMatrix(cells)
}

// address returns where the run of a cell is shown.
func address(mode, fault string) string { return "run.html#" + mode + "/" + fault }

// pages returns the pages and their pictures.
func (s Site) pages() (map[string][]byte, error) {
	files := map[string][]byte{}
	names, err := fs.Glob(s.Docs, "*.md")
	if err != nil {
		return nil, err
	}
	recorded := s.recorded()
	for i, name := range names {
		text, err := fs.ReadFile(s.Docs, name)
		if err != nil {
			return nil, err
		}
		p := page{File: pageOf(name), Title: titleOf(string(text)), Kind: "page"}
		p.Body, err = web.Document(text, s.target, func(mode, fault string) string {
			if _, ok := recorded[mode][faults.Fault(fault)]; !ok {
				return ""
			}
			return `<p><a href="` + address(mode, fault) + `">Step through this run</a></p>`
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if i+1 < len(names) && isChapter(name) && isChapter(names[i+1]) {
			next, err := fs.ReadFile(s.Docs, names[i+1])
			if err != nil {
				return nil, err
			}
			p.Next = &link{pageOf(names[i+1]), titleOf(string(next))}
		}
		if err := add(files, p); err != nil {
			return nil, err
		}
	}
	for _, pattern := range []string{"*.svg", "pictures/*.svg"} {
		pictures, err := fs.Glob(s.Docs, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range pictures {
			if files[name], err = fs.ReadFile(s.Docs, name); err != nil {
				return nil, err
			}
		}
	}
	return files, s.others(files)
}

// others adds the pages that are no Markdown.
func (s Site) others(files map[string][]byte) error {
	p := page{
		Modes: billing.Modes(), Faults: faults.Rows(), About: pageOf("matrix.md"),
		Matrix: s.matrix(),
	}
	for _, one := range []struct {
		page
		runs int // that are shown at most
	}{
		{page{File: "table.html", Title: "Every mode against every fault", Kind: "matrix"}, 0},
		{page{File: "run.html", Title: "A recorded run", Kind: "run"}, 2},
		{page{File: "explorer.html", Title: "The explorer", Kind: "explorer"}, 1},
	} {
		p.File, p.Title, p.Kind, p.Stages = one.File, one.Title, one.Kind, map[int]any{}
		for runs := range one.runs {
			p.Stages[runs+1] = web.Stage(runs + 1)
		}
		if err := add(files, p); err != nil {
			return err
		}
	}
	return nil
}

func add(files map[string][]byte, p page) error {
	p.Tabs = []link{
		{"index.html", "The walkthrough"}, {"run.html", "The runs"}, {"table.html", "The matrix"},
		{"explorer.html", "The explorer"},
	}
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, p.Kind, p)
	files[p.File] = b.Bytes()
	return err
}

// pageOf returns the page of a Markdown file.
func pageOf(name string) string {
	if name == "README.md" {
		return "index.html"
	}
	return strings.TrimSuffix(name, ".md") + ".html"
}

func isChapter(name string) bool { return name[0] >= '0' && name[0] <= '9' }

// titleOf returns a page's first heading.
func titleOf(markdown string) string {
	first, _, _ := strings.Cut(markdown, "\n")
	return strings.TrimPrefix(first, "# ")
}

// target returns where a link of the docs leads on the site; "" for nowhere.
func (s Site) target(link string) string { return web.Target(link, pageOf, s.Source) }
