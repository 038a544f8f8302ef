package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progressBar tells how far a command has come: by a bar on a terminal, elsewhere in a line for
// each step. It is for one goroutine.
type progressBar struct {
	out   io.Writer
	width int // columns of the terminal; 0 if there is none
	all   int // steps
	began time.Time
	done  int
}

func newProgressBar(out io.Writer, all int) *progressBar {
	return &progressBar{out: out, width: terminalWidth(out), all: all, began: time.Now()}
}

// terminalWidth is how many columns what is written to w has room for, 0 if w is no terminal.
func terminalWidth(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// step tells that a step is over. A note, "" for none, says more than its name, and stays.
func (p *progressBar) step(name, note string) {
	p.done++
	took := time.Since(p.began).Round(time.Second)
	if p.width == 0 {
		fmt.Fprintf(p.out, "%3d of %d, %s: %s\n", p.done, p.all, took, cmp.Or(note, name))
		return
	}
	if note != "" {
		p.clear()
		fmt.Fprintln(p.out, note)
	}
	fmt.Fprint(p.out, "\r"+bar(p.done, p.all, took, p.width)+eraseRest)
}

// eraseRest clears a terminal's line from where the cursor is.
const eraseRest = "\x1b[K"

// clear removes the bar.
func (p *progressBar) clear() {
	if p.width > 0 {
		fmt.Fprint(p.out, "\r"+eraseRest)
	}
}

// bar is one line that doesn't fill the terminal's width.
func bar(done, all int, took time.Duration, width int) string {
	figures := fmt.Sprintf(" %d of %d, %s", done, all, took)
	length := min(max(width-len(figures)-1, 0), 60)
	full := length * done / max(all, 1)
	return strings.Repeat("█", full) + strings.Repeat("░", length-full) + figures
}
