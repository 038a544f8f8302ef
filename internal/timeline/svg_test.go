package timeline_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/timeline"
)

func svg(t *testing.T, c timeline.Canvas) string {
	t.Helper()
	var b strings.Builder
	if err := c.SVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSVGOfRealRuns(t *testing.T) {
	t.Parallel()
	for _, name := range recordings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := svg(t, timeline.Canvas{
				Picture: timeline.Draw(alice, three(), recorded(t, name)), Title: name,
				Name: "Alice",
			})
			golden.Check(t, name+".svg", got)
			wellFormed(t, got)
		})
	}
}

func wellFormed(t *testing.T, document string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(document)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnSVGTellsInItsTextWhatItShows(t *testing.T) {
	t.Parallel()
	events := append(recorded(t, "locked.pause"), failing(
		at(0, "server-c", event.LeaseFailed, 0), `<b onclick="x">&`))
	got := svg(t, timeline.Canvas{
		Picture: timeline.Draw(alice, three(), events), Title: "A & <B>", Name: "Alice",
	})
	wellFormed(t, got)
	for _, want := range []string{
		`role="img"`, `aria-labelledby="picture-title picture-words"`,
		`<title id="picture-title">A &amp; &lt;B&gt;</title>`,
		"Was paused for", "Lost the lease.", "Took $10.00 2 times: for server-a, for server-b.",
		"Could not obtain the lease: &lt;b onclick=&#34;x&#34;&gt;&amp;.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %s", want)
		}
	}
}

func TestAPartIsDrawnOnTheScaleOfTheWhole(t *testing.T) {
	t.Parallel()
	events := recorded(t, "locked.pause")
	whole := timeline.Draw(alice, three(), events)
	size := regexp.MustCompile(`viewBox="[^"]*"`)
	times := regexp.MustCompile(`<text class="time".*`)
	want := svg(t, timeline.Canvas{Picture: whole})
	for n := range events {
		got := svg(t, timeline.Canvas{
			Picture: timeline.Draw(alice, three(), events[:n]), Whole: &whole,
		})
		wellFormed(t, got)
		if size.FindString(got) != size.FindString(want) ||
			fmt.Sprint(times.FindAllString(got, -1)) != fmt.Sprint(times.FindAllString(want, -1)) {
			t.Fatalf("with %d events its size or its times are others", n)
		}
	}
}

// The rule is WCAG's: https://www.w3.org/TR/WCAG22/#contrast-minimum, and 3:1 for shapes.
func TestColoursAreTellable(t *testing.T) {
	t.Parallel()
	themes := strings.SplitN(timeline.Style, "@media", 2)
	if len(themes) != 2 {
		t.Fatal("there is one theme only")
	}
	for name, theme := range map[string]string{"light": themes[0], "dark": themes[1]} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).
			FindAllStringSubmatch(theme, -1) {
			colours[m[1]] = m[2]
		}
		for text, least := range map[string]float64{
			"ink": 7, "grey": 4.5, "wrong": 4.5, "money": 3, "held-edge": 3,
		} {
			if got := contrast(t, colours[text], colours["paper"]); got < least {
				t.Errorf("%s: %s on paper has a contrast of %.1f, want %.1f", name, text, got,
					least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light, dark := luminance(t, a), luminance(t, b)
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var r, g, b int
	if _, err := fmt.Sscanf(colour, "%02x%02x%02x", &r, &g, &b); err != nil {
		t.Fatalf("the colour %q: %v", colour, err)
	}
	linear := func(v int) float64 {
		if c := float64(v) / 255; c > 0.04045 {
			return math.Pow((c+0.055)/1.055, 2.4)
		} else {
			return c / 12.92
		}
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
