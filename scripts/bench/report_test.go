package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func figures() report {
	var r report
	r.add(figure{section: "locks", what: "ours ÷ <theirs>", values: []float64{0.5, 0.3, 0.2},
		most: 0.35})
	r.add(figure{section: "locks", what: "ours ÷ raw", values: []float64{1.2, 1.4}, most: 1.1})
	r.add(figure{section: "runs", what: "River ÷ ours", values: []float64{9, 8}, least: 8})
	r.add(figure{section: "runs", what: "memory", unit: "MB", values: []float64{21.5}})
	return r
}

func TestTheTableSaysWhatIsMetAndWhatIsNot(t *testing.T) {
	t.Parallel()
	r := figures()
	text := r.markdown()
	for _, row := range []string{
		"| **locks** | | | |\n| ours ÷ <theirs> | 0.30 | 0.20 to 0.50 | ≤ 0.35: met |\n",
		"| ours ÷ raw | 1.30 | 1.20 to 1.40 | ≤ 1.10: **missed** |\n",
		"| River ÷ ours | 8.50 | 8 to 9 | ≥ 8: met |\n",
		"| memory | 21.5 MB | once |  |\n",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("%q is missing in:\n%s", row, text)
		}
	}
	quick := report{quick: true}
	quick.add(r.figures[1])
	if strings.Contains(quick.markdown(), "met") {
		t.Error("a quick run is held to goals")
	}
}

func TestThePlotIsXML(t *testing.T) {
	t.Parallel()
	r := figures()
	d := xml.NewDecoder(strings.NewReader(r.svg()))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheTableTakesThePlaceOfTheOneBefore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "performance.md")
	document := func(table string) string {
		return "# Title\n" + tableBegins + table + tableEnds + "The end.\n"
	}
	if err := os.WriteFile(file, []byte(document("old\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insert(file, "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != document("new\n") {
		t.Errorf("got %q, %v", got, err)
	}
}
