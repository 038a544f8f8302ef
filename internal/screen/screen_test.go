package screen_test

import (
	_ "embed"
	"io"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/screen"
)

//go:embed testdata/text
var text string

func TestLinesBreakBetweenWords(t *testing.T) {
	t.Parallel()
	words := strings.Fields(text)
	golden.Widths(t, "text", func(w io.Writer) {
		_, _ = io.WriteString(w, text)
	})
	if found := strings.Fields(screen.Wrap(text, 80)); !slices.Equal(found, words) {
		t.Errorf("got the words %q, want %q", found, words)
	}
}

func TestALineMayBeWrittenInPieces(t *testing.T) {
	t.Parallel()
	var whole, pieces strings.Builder
	_, _ = screen.New(&whole, 40).Write([]byte(text))
	w := screen.New(&pieces, 40)
	for word := range strings.SplitAfterSeq(text, " ") {
		_, _ = w.Write([]byte(word))
	}
	if pieces.String() != whole.String() {
		t.Errorf("got\n%s\nwant\n%s", pieces.String(), whole.String())
	}
}

func TestWhatIsNoTextIsNotBroken(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 100)
	var got strings.Builder
	_, _ = screen.Unlimited(screen.New(&got, 80)).Write([]byte(long))
	_, _ = screen.Unlimited(&got).Write([]byte(long))
	if got.String() != long+long {
		t.Errorf("got %q", got.String())
	}
}
