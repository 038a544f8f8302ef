package site_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/site"
	"example.com/triplecharge/internal/site/player"
	"example.com/triplecharge/internal/timeline"
)

// written returns the folder of a site with one recorded run and one cell without.
func written(t *testing.T, source string) string {
	t.Helper()
	run := player.Recording{Run: timeline.Run{
		Title: "naive-lock under late", Servers: []string{"server-a"}, Invoice: "alice/2026-12",
		Events: []event.Event{{
			Time: time.Unix(0, 0), Kind: event.ChargeSucceeded, Server: "server-a",
			Invoice: "alice/2026-12", Error: "</script><b>",
		}},
	}}
	folder := t.TempDir()
	s := site.Site{
		Docs: docs.Pages, Source: source, Exec: "script", Program: []byte("program"),
		Cells: []site.Cell{
			{Cell: report.Cell{Mode: "naive-lock", Fault: faults.Late}, Recording: run},
			{Cell: report.Cell{Mode: "locked", Fault: faults.Late}},
		},
	}
	if err := s.Write(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachLinkOfTheSiteLeadsSomewhere(t *testing.T) {
	t.Parallel()
	folder := written(t, "")
	pages, err := filepath.Glob(filepath.Join(folder, "*.html"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	link := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	id := regexp.MustCompile(` id="([^"]*)"`)
	for _, page := range pages {
		for _, found := range link.FindAllStringSubmatch(read(t, page), -1) {
			file, fragment, _ := strings.Cut(found[1], "#")
			switch {
			case strings.Contains(found[1], ":"): // others' pages, and data
				continue
			case file == "run.html":
				continue // its fragment is a cell, which may not be recorded
			case file == "":
				file = filepath.Base(page)
			}
			text := read(t, folder, file)
			if fragment != "" && !strings.Contains(
				strings.Join(id.FindAllString(text, -1), ""), ` id="`+fragment+`"`) {
				t.Errorf("%s links to %s, and %s has no such place", page, found[1], file)
			}
		}
	}
}

func TestLinksToTheSourceLeadThereOrAreText(t *testing.T) {
	t.Parallel()
	const chapter = "04-the-late-server.html"
	if page := read(t, written(t, ""), chapter); strings.Contains(page, "billing/locked.go\"") {
		t.Error("without a source the chapter links to it")
	} else if !strings.Contains(page, "locked.go") {
		t.Error("the link's text is gone")
	}
	page := read(t, written(t, "https://code.example/blob/main/"), chapter)
	for _, want := range []string{
		`href="https://code.example/blob/main/billing/locked.go"`,
		`href="run.html#naive-lock/late"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the chapter lacks %s", want)
		}
	}
}

func TestOnlyRecordedRunsAreLinks(t *testing.T) {
	t.Parallel()
	folder := written(t, "")
	table := read(t, folder, "table.html")
	if !strings.Contains(table, `href="run.html#naive-lock/late"`) ||
		strings.Contains(table, `href="run.html#locked/late"`) {
		t.Errorf("the table links to other runs than those recorded:\n%s", table)
	}
	heads := regexp.MustCompile(`<th scope="col">[^<]*`).FindAllString(table, -1)
	if len(heads) != 1 || strings.Count(table, `<th scope="col" data-mode=`) != 2 {
		t.Errorf("the columns are %q, want the fault and the two modes of the cells", heads)
	}
	if script := read(t, folder, "runs", "naive-lock.js"); strings.Contains(script, "</script>") {
		t.Error("what a recording has in it ends a script")
	}
}
