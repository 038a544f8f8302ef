package web

import (
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/faults"
)

// Chapter is a chapter of the walkthrough.
type Chapter struct {
	Name  string // of its file, without .md
	Title string
}

// played has the chapters, in their order, whose commands play a cell: a mode and a fault, "" for
// whatever fault. It reads them once: a matrix asks about every cell, and a run at every step.
var played = sync.OnceValue(func() map[[2]string][]Chapter {
	all := map[[2]string][]Chapter{}
	names, _ := fs.Glob(docs.Chapters, "*.md") // the pattern is right
	for _, name := range names {
		text, _ := docs.Chapters.ReadFile(name)
		first, _, _ := strings.Cut(string(text), "\n")
		chapter := Chapter{strings.TrimSuffix(name, ".md"), strings.TrimPrefix(first, "# ")}
		unfolded(string(text), func(text string) string {
			for _, line := range command.FindAllString(text, -1) {
				mode, fault := cellOf(line)
				for _, cell := range [][2]string{{mode, fault}, {mode, ""}} {
					if !slices.Contains(all[cell], chapter) {
						all[cell] = append(all[cell], chapter)
					}
				}
			}
			return text
		})
	}
	return all
})

// ChaptersOf returns the chapters whose commands play the cell; if none does, those that play the
// mode.
func ChaptersOf(mode string, fault faults.Fault) []Chapter {
	if exact := played()[[2]string{mode, string(fault)}]; len(exact) > 0 {
		return exact
	}
	return played()[[2]string{mode, ""}]
}

// docs serves the walkthrough and the pages beside it, with their pictures.
func (s *Site) docs(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("page")
	if strings.HasSuffix(name, ".svg") {
		http.ServeFileFS(w, r, docs.Pages, name)
		return
	}
	if name == "" {
		name = "README"
	}
	text, err := docs.Pages.ReadFile(name + ".md")
	if err != nil {
		s.choose(w, http.StatusNotFound, "", "", "", "There is no such page.")
		return
	}
	target := func(link string) string { return Target(link, docAddress, "") }
	body, err := Document(text, target, func(mode, fault string) string {
		if e, err := faults.Expected(mode, faults.Fault(fault), len(s.Servers)); err != nil ||
			!e.Applies || s.Mode != "" {
			return ""
		}
		return `<form method="post" action="/runs"><button name="cell" value="` + mode + "/" +
			fault + `">Play this run</button></form>`
	})
	if err != nil {
		s.Log(err.Error())
	}
	title, _, _ := strings.Cut(string(text), "\n")
	s.render(w, http.StatusOK, "doc.html",
		s.frame("/docs/", strings.TrimPrefix(title, "# "), form{}, body))
}

func docAddress(name string) string {
	return "/docs/" + strings.TrimSuffix(strings.TrimSuffix(name, ".md"), "README")
}
