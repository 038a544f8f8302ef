package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// figure is one quantity with its measured values.
type figure struct {
	section string
	what    string
	unit    string // "" for a ratio
	values  []float64
	most    float64 // the goal as an upper bound; 0: none
	least   float64 // the goal as a lower bound; 0: none
}

func (f figure) median() float64 {
	sorted := slices.Sorted(slices.Values(f.values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// verdict returns the goal and whether it was met; "" without a goal.
func (f figure) verdict() string {
	switch {
	case f.most > 0 && f.median() <= f.most:
		return fmt.Sprintf("≤ %s: met", number(f.most))
	case f.most > 0:
		return fmt.Sprintf("≤ %s: **missed**", number(f.most))
	case f.least > 0 && f.median() >= f.least:
		return fmt.Sprintf("≥ %s: met", number(f.least))
	case f.least > 0:
		return fmt.Sprintf("≥ %s: **missed**", number(f.least))
	}
	return ""
}

// number formats v with about three significant digits.
func number(v float64) string {
	switch {
	case v == float64(int(v)), v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// report collects the figures.
type report struct {
	figures []figure
	quick   bool // the numbers are too small to hold them to goals
}

func (r *report) add(f figure) {
	if r.quick {
		f.most, f.least = 0, 0
	}
	r.figures = append(r.figures, f)
}

// markdown returns the date, the machine and the versions, then the table.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s UTC, %d processors (%s), %s, %s.\n\n",
		time.Now().UTC().Format("2006-01-02 15:04"), runtime.NumCPU(), model(), runtime.Version(),
		versions())
	b.WriteString("| | median | lowest to highest | goal |\n|---|---|---|---|\n")
	section := ""
	for _, f := range r.figures {
		if f.section != section {
			section = f.section
			fmt.Fprintf(&b, "| **%s** | | | |\n", section)
		}
		spread := "once"
		if len(f.values) > 1 {
			spread = number(slices.Min(f.values)) + " to " + number(slices.Max(f.values))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.what,
			strings.TrimSpace(number(f.median())+" "+f.unit), spread, f.verdict())
	}
	return b.String()
}

// The table stands between these marks in a document.
const (
	tableBegins = "<!-- what scripts/bench printed -->\n"
	tableEnds   = "<!-- its end -->\n"
)

// insert replaces the table in a document.
func insert(file, table string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), tableBegins)
	_, after, ended := strings.Cut(rest, tableEnds)
	if !found || !ended {
		return fmt.Errorf("%s lacks the mark %q or %q", file, tableBegins, tableEnds)
	}
	return os.WriteFile(file, []byte(before+tableBegins+table+tableEnds+after), 0o644)
}

// model returns the processor's name, or its architecture where Linux' cpuinfo is missing.
func model() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, found := strings.CutPrefix(line, "model name"); found {
			return strings.Trim(name, "\t :\n")
		}
	}
	return runtime.GOARCH
}

// versions lists the versions of the libraries compared.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "versions unknown"
	}
	var all []string
	for _, path := range []string{
		"github.com/redis/go-redis/v9", "github.com/bsm/redislock",
		"github.com/go-redsync/redsync/v4", "github.com/redis/rueidis",
		"github.com/riverqueue/river",
	} {
		for _, d := range info.Deps {
			if d.Path == path {
				all = append(all, strings.TrimPrefix(path, "github.com/")+" "+d.Version)
			}
		}
	}
	return strings.Join(all, ", ")
}
