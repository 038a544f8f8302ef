package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestProgressIsLinesWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	p := newProgressBar(&got, 2, "cells")
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

func TestProgressIsALineForEachTenthWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	p := newProgressBar(&got, 2000, "charges")
	for done := 0; done <= 2000; done += 50 {
		p.set(done)
	}
	lines := strings.Split(strings.TrimSpace(got.String()), "\n")
	want := regexp.MustCompile(`^[\d,]+ charges, \d+ %, [\d,]+/s, \d+s left$`)
	if len(lines) != 10 || slices.ContainsFunc(lines, func(line string) bool {
		return !want.MatchString(line)
	}) {
		t.Errorf("got %q, want 10 lines like %s", lines, want)
	}
}

func TestProgressIsABarOnATerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &progressBar{
		out: &out, total: 2, bar: bar(&out, 80, 2, "cells"), ended: make(chan struct{}),
	}
	p.step("locked under pause", "")
	p.step("locked under late", "locked under late: it broke")
	p.clear()
	got := out.String()
	for _, want := range []string{"█░", "50%", "(1/2", "\x1b[2K\rlocked under late: it broke\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "pause") || !strings.HasSuffix(got, "\x1b[2K\r") {
		t.Errorf("got %q, want a bar that is gone in the end", got)
	}
}
