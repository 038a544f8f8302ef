package web_test

import (
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/web"
)

// What a recording says is text in the page, also in the frames of several.
func TestAPageInAFileHasNoMarkupFromOutside(t *testing.T) {
	t.Parallel()
	const hostile = `"></template></script><script>alert(1)</script>`
	run := timeline.Run{
		Title: hostile, About: hostile, Verdict: hostile, Customer: hostile,
		Servers: []string{hostile}, Invoice: "alice/2026-12",
		Events: []event.Event{{
			Time: time.Unix(0, 0), Kind: event.InvoiceFailed, Server: hostile,
			Invoice: "alice/2026-12", Error: hostile,
		}},
	}
	for _, runs := range [][]timeline.Run{{run}, {run, run}} {
		var page strings.Builder
		if err := web.WriteFile(&page, runs); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(page.String(), "<script>alert") ||
			!strings.Contains(page.String(), "alert(1)") ||
			strings.Count(page.String(), "<script>") != 1 {
			t.Errorf("%d runs: the page has markup from outside", len(runs))
		}
		if frames := strings.Count(page.String(), "srcdoc="); len(runs) > 1 && frames != 2 {
			t.Errorf("%d frames", frames)
		}
	}
}
