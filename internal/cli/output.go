package cli

import (
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"

	"example.com/triplecharge/internal/screen"
)

// output passes on what is written, made harmless, and remembers the first error.
type output struct {
	*screen.Writer
	failed error
}

func (o *output) Write(p []byte) (int, error) {
	if o.failed != nil {
		return 0, o.failed
	}
	if _, o.failed = io.WriteString(o.Writer, Harmless(string(p))); o.failed != nil {
		return 0, o.failed
	}
	return len(p), nil
}

// fileOutput is seen to be a terminal if the file is one. It does not embed the file, whose
// WriteString and ReadFrom would pass by Write.
type fileOutput struct {
	*output
	file *os.File
}

func (f fileOutput) Read(p []byte) (int, error) { return f.file.Read(p) }
func (f fileOutput) Fd() uintptr                { return f.file.Fd() }
func (f fileOutput) Close() error               { return f.file.Close() }

// checked returns a writer to w, and where its first error will be.
func checked(w io.Writer) (io.Writer, *output) {
	o := &output{Writer: screen.For(w)}
	if file, ok := w.(*os.File); ok {
		return fileOutput{o, file}, o
	}
	return o, o
}

// Output returns a writer to w for people: its lines fit the terminal, and are Harmless.
func Output(w io.Writer) io.Writer {
	out, _ := checked(w)
	return out
}

// style is what our own output may send to a terminal: colours and the like.
var style = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// Harmless replaces the control characters that could take over a terminal: names and error texts
// come from outside. Lines, tabs and styles stay.
func Harmless(s string) string {
	if !strings.ContainsFunc(s, harmful) {
		return s
	}
	var b strings.Builder
	rest := 0
	for _, at := range style.FindAllStringIndex(s, -1) {
		b.WriteString(strings.Map(replace, s[rest:at[0]]) + s[at[0]:at[1]])
		rest = at[1]
	}
	return b.String() + strings.Map(replace, s[rest:])
}

func harmful(r rune) bool { return screen.IsControl(r) && r != '\n' && r != '\t' }

func replace(r rune) rune {
	if harmful(r) {
		return unicode.ReplacementChar
	}
	return r
}
