package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The plot's measures, in pixels.
const (
	plotWidth  = 860
	plotLeft   = 430 // x of the ratio 1/8; the names are to the left
	plotRow    = 22
	plotTop    = 56
	plotRight  = 20
	perDoubled = 54 // from one ratio to its double
)

// svg draws the ratios on a logarithmic scale: a dot at the median, a line from the lowest to the
// highest, a mark at the goal.
func (r *report) svg() string {
	var ratios []figure
	rows, last := 0, ""
	for _, f := range r.figures {
		if f.unit != "" {
			continue
		}
		ratios = append(ratios, f)
		if rows++; f.section != last {
			last = f.section
			rows++
		}
	}
	height := plotTop + plotRow*rows + 20
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%d" height="%d" `+
		`viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth, height)
	b.WriteString("<title>Measured ratios</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, height)
	b.WriteString(`<text x="12" y="24" font-size="15">` +
		"Ratios: median, spread and goal</text>\n")
	for _, tick := range []float64{0.125, 0.25, 0.5, 1, 2, 4, 8, 16} {
		x := plotX(tick)
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#ddd"/><text x="%.1f" y="%d" `+
			`text-anchor="middle" fill="#666">%s</text>`+"\n",
			x, plotTop-6, height-14, x, plotTop-12, number(tick))
	}
	y, section := float64(plotTop)-plotRow/2, ""
	for _, f := range ratios {
		if y += plotRow; f.section != section {
			section = f.section
			fmt.Fprintf(&b, `<text x="12" y="%.1f" font-weight="bold">%s</text>`+"\n", y+6,
				escape.Replace(section))
			y += plotRow
		}
		plotFigure(&b, f, y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// escape escapes text for XML.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;")

// plotX returns the x of a ratio.
func plotX(ratio float64) float64 {
	x := plotLeft + perDoubled*(3+math.Log2(max(ratio, 0.01)))
	return min(max(x, plotLeft), plotWidth-plotRight)
}

func plotFigure(b *strings.Builder, f figure, y float64) {
	colour := "#1b6e3c"
	if strings.Contains(f.verdict(), "missed") {
		colour = "#b3261e"
	} else if f.verdict() == "" {
		colour = "#444"
	}
	fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft-70, y+4,
		escape.Replace(f.what))
	fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="%s">%s</text>`+"\n", plotLeft-20,
		y+4, colour, number(f.median()))
	fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-width="2"/>`+"\n",
		plotX(slices.Min(f.values)), y, plotX(slices.Max(f.values)), colour)
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n",
		plotX(f.median()), y, colour)
	if goal := f.most + f.least; goal > 0 {
		fmt.Fprintf(b, `<path d="M%.1f %.1fv16" stroke="#000" stroke-width="1.5"/>`+"\n",
			plotX(goal), y-8)
	}
}
