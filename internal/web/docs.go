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

// plays are the chapters, in their order, whose commands play a cell, or a mode under whatever
// fault.
type plays struct {
	cell map[[2]string][]Chapter
	mode map[string][]Chapter
}

// played reads the chapters once: a matrix asks about every cell, and a run at every step.
var played = sync.OnceValue(func() plays {
	all := plays{map[[2]string][]Chapter{}, map[string][]Chapter{}}
	names, _ := fs.Glob(docs.Chapters, "*.md") // the pattern is right
	for _, name := range names {
		text, _ := docs.Chapters.ReadFile(name)
		first, _, _ := strings.Cut(string(text), "\n")
		chapter := Chapter{strings.TrimSuffix(name, ".md"), strings.TrimPrefix(first, "# ")}
		unfolded(string(text), func(text string) string {
			for _, line := range command.FindAllString(text, -1) {
				mode, fault, _ := cellOf(line)
				cell := [2]string{mode, fault}
				if !slices.Contains(all.cell[cell], chapter) {
					all.cell[cell] = append(all.cell[cell], chapter)
				}
				if !slices.Contains(all.mode[mode], chapter) {
					all.mode[mode] = append(all.mode[mode], chapter)
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
	all := played()
	if exact := all.cell[[2]string{mode, string(fault)}]; len(exact) > 0 {
		return exact
	}
	return all.mode[mode]
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

// docAddress returns the address of a page of the docs.
func docAddress(name string) string {
	return "/docs/" + strings.TrimSuffix(strings.TrimSuffix(name, ".md"), "README")
}
