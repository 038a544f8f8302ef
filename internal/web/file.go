package web

import (
	"bytes"
	"html/template"
	"io"
	"strconv"

	"example.com/triplecharge/internal/timeline"
)

// MaxSteps bounds a run in a page that has a picture for each step: 300 are 20 MB.
const MaxSteps = 300

// file is the data of a page in a file: of one run, or with the pages of several runs in frames.
type file struct {
	Title  string
	Style  template.CSS
	Script template.JS
	Body   *view  // at the last step
	Steps  []view // all of them
	Frames []frameOf
}

type frameOf struct{ Title, Verdict, Page string }

// WriteFile writes a page that shows the runs step by step, and needs nothing but itself. Each run
// has at most MaxSteps events.
func WriteFile(w io.Writer, runs []timeline.Run) error {
	style, err := Static("page.css")
	if err != nil {
		return err
	}
	script, err := Static("picture.js")
	if err != nil {
		return err
	}
	f := file{Title: "Recorded runs", Style: template.CSS(style), Script: template.JS(script)}
	if len(runs) != 1 {
		for _, r := range runs {
			var page bytes.Buffer
			if err := WriteFile(&page, []timeline.Run{r}); err != nil {
				return err
			}
			f.Frames = append(f.Frames, frameOf{r.Title, r.Verdict, page.String()})
		}
		return pages.ExecuteTemplate(w, "file.html", f)
	}
	one := Recording{Run: runs[0]}
	for step := range len(one.scene().Run.Events) + 1 {
		v, err := viewOf(strconv.Itoa(step), one)
		if err != nil {
			return err
		}
		f.Steps, f.Body, f.Title = append(f.Steps, v), &v, v.Title
	}
	return pages.ExecuteTemplate(w, "file.html", f)
}
