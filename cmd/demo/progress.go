package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/triplecharge/internal/money"
)

// progressBar shows the progress of a command: as a bar on a terminal, elsewhere in lines. It is
// not safe for concurrent use.
//
// The bar is schollz/progressbar's. Unlike mpb's it has no goroutine and draws only when it is set,
// so it never draws over what is printed after clear, even after Ctrl-C.
type progressBar struct {
	out   io.Writer
	total int
	unit  string // what is counted, in the plural
	began time.Time
	done  int
	bar   *progressbar.ProgressBar // nil if out is no terminal
}

func newProgressBar(out io.Writer, total int, unit string) *progressBar {
	p := &progressBar{out: out, total: total, unit: unit, began: time.Now()}
	if columns := terminalWidth(out); columns > 0 {
		p.bar = bar(out, columns, total, unit)
	}
	return p
}

// bar returns a line with the count, the rate, the time taken and the time left. It disappears at
// the end. It leaves the terminal's last columns free: a terminal echoes ^C there, which would
// otherwise start a new line, and clear would miss the bar.
func bar(out io.Writer, columns, total int, unit string) *progressbar.ProgressBar {
	const figures = 60 // columns that the figures take at most
	return progressbar.NewOptions(total, progressbar.OptionSetWriter(out),
		progressbar.OptionSetWidth(min(max(columns-figures, 0), 40)),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(unit),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░"}),
		progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish())
}

// step counts one more, with its name. A note, "" for none, is printed instead of the name, and
// stays above the bar.
func (p *progressBar) step(name, note string) {
	p.done++
	if p.bar == nil {
		took := time.Since(p.began).Round(time.Second)
		fmt.Fprintf(p.out, "%3d of %d, %s: %s\n", p.done, p.total, took, cmp.Or(note, name))
		return
	}
	if note != "" {
		p.clear()
		fmt.Fprintln(p.out, note)
	}
	_ = p.bar.Set(p.done) // it fails if the terminal is gone
}

// set sets the count. Without a terminal it prints a line for each tenth.
func (p *progressBar) set(done int) {
	if done == 0 {
		p.began = time.Now() // the time before the first does not count towards the rate
	}
	tenths := done*10/p.total - p.done*10/p.total
	p.done = done
	switch {
	case p.bar != nil:
		_ = p.bar.Set(done) // as above
	case tenths > 0:
		rate := float64(done) / max(time.Since(p.began).Seconds(), 0.001)
		left := time.Duration(float64(p.total-done) / rate * float64(time.Second))
		fmt.Fprintf(p.out, "%s %s, %d %%, %s/s, %s left\n", money.Number(done), p.unit,
			100*done/p.total, money.Number(int(rate)), max(left, 0).Round(time.Second))
	}
}

// clear removes the bar; the next count draws it again.
func (p *progressBar) clear() {
	if p.bar != nil {
		_ = p.bar.Clear() // as above
	}
}

// terminalWidth returns the columns of the terminal that w writes to, 0 if w is no terminal.
func terminalWidth(w io.Writer) int {
	if file, ok := w.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}
