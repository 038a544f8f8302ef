package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/screen"
)

// progressBar shows the progress of a command: as a bar on a terminal, elsewhere in lines.
//
// The bar is schollz/progressbar's. Unlike mpb's it has no goroutine of its own, so it never draws
// over what is printed after clear, even after Ctrl-C.
type progressBar struct {
	out   io.Writer
	mu    sync.Mutex
	ended chan struct{} // closed by clear
	total int
	unit  string // what is counted, in the plural
	began time.Time
	done  int
	bar   *progressbar.ProgressBar // nil if out is no terminal
}

func newProgressBar(out io.Writer, total int, unit string) *progressBar {
	p := &progressBar{
		out: out, total: total, unit: unit, began: time.Now(), ended: make(chan struct{}),
	}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = bar(out, screen.For(out).Columns(), total, unit)
		go p.tick(time.Second)
	}
	return p
}

// tick draws the bar again and again, so that its clock goes on while nothing is counted.
func (p *progressBar) tick(pause time.Duration) {
	for {
		select {
		case <-p.ended:
			return
		case <-time.After(pause):
			p.mu.Lock()
			select {
			case <-p.ended:
			default:
				_ = p.bar.RenderBlank() // it fails if the terminal is gone
			}
			p.mu.Unlock()
		}
	}
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
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.bar == nil {
		took := time.Since(p.began).Round(time.Second)
		fmt.Fprintf(p.out, "%3d of %d, %s: %s\n", p.done, p.total, took, cmp.Or(note, name))
		return
	}
	if note != "" {
		_ = p.bar.Clear() // as in tick
		fmt.Fprintln(p.out, note)
	}
	_ = p.bar.Set(p.done) // as in tick
}

// set sets the count. Without a terminal it prints a line for each tenth.
func (p *progressBar) set(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done == 0 {
		p.began = time.Now() // the time before the first does not count towards the rate
	}
	tenths := done*10/p.total - p.done*10/p.total
	p.done = done
	switch {
	case p.bar != nil:
		_ = p.bar.Set(done) // as in tick
	case tenths > 0:
		rate := float64(done) / max(time.Since(p.began).Seconds(), 0.001)
		left := time.Duration(float64(p.total-done) / rate * float64(time.Second))
		fmt.Fprintf(p.out, "%s %s, %d %%, %s/s, %s left\n", money.Number(done), p.unit,
			100*done/p.total, money.Number(int(rate)), max(left, 0).Round(time.Second))
	}
}

// clear removes the bar, for good.
func (p *progressBar) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.ended)
	if p.bar != nil {
		_ = p.bar.Clear() // as in tick
	}
}
