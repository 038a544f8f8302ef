package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
)

func TestProgressIsLinesWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	p := newProgressBar(&got, 2)
	p.step("locked under pause", "")
	p.step("locked under late", "locked under late: it broke")
	p.clear()
	want := `^  1 of 2, \d+s: locked under pause
  2 of 2, \d+s: locked under late: it broke
$`
	if !regexp.MustCompile(want).MatchString(got.String()) {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestProgressIsABarOnATerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &progressBar{out: &out, width: 40, all: 2, began: time.Now()}
	p.step("locked under pause", "")
	p.step("locked under late", "locked under late: it broke")
	p.clear()
	got := out.String()
	for _, want := range []string{"█░", " 1 of 2, ", "\r\x1b[Klocked under late: it broke\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "pause") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("got %q, want a bar that is gone in the end", got)
	}
}

func TestTheBarFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{20, 40, 80, 300} {
		for _, done := range []int{0, 1, 188, 189} {
			if n := lipgloss.Width(bar(done, 189, time.Minute, width)); n >= width {
				t.Errorf("at %d columns the bar of %d has %d", width, done, n)
			}
		}
	}
}
