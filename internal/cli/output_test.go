package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

func TestWhatComesFromOutsideCantTakeOverTheTerminal(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Alice\n\tpaid":                  "Alice\n\tpaid",
		"\x1b[1;31mwrong\x1b[0m":         "\x1b[1;31mwrong\x1b[0m",
		"\x1b]0;root\a":                  "\ufffd]0;root\ufffd",
		"\x1b[2J\x1b[1mgone":             "\ufffd[2J\x1b[1mgone",
		"\r$0.00\b\x7f\u009b2J":          "\ufffd$0.00\ufffd\ufffd\ufffd2J",
		"a\u202egnp.\u2066exe\u2029":     "a\ufffdgnp.\ufffdexe\ufffd",
		"\u200fשלום":                     "\u200fשלום",
		"\x1b[38;2;1;2;3mred\x1b[m\x1bc": "\x1b[38;2;1;2;3mred\x1b[m\ufffdc",
	} {
		if got := Harmless(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}

func TestOutputThatCantBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer func() { _ = full.Close() }()
	for _, args := range [][]string{nil, {"--help"}, {"--version"}} {
		var errs bytes.Buffer
		status := Program{Name: "test"}.Main(args, full, &errs, &struct{}{},
			func(_ context.Context, _ any, out io.Writer) error {
				_, _ = io.WriteString(out, "done\n")
				return nil
			})
		if status != 1 || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%v: got %d, %q", args, status, &errs)
		}
	}
}

func TestTheHelpNamesNoVariableThatIsNone(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"", "MY"} {
		var out strings.Builder
		_, err := Program{Name: "mine", Env: env}.Parse([]string{"--help"}, &out, &struct{}{})
		if err != nil || !strings.Contains(out.String(), "--version") ||
			strings.Contains(out.String(), "($-)") {
			t.Errorf("the help is %s", out.String())
		}
	}
}
