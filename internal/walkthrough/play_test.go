package walkthrough_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/walkthrough"
)

const played = `# 1. A chapter

Some **strong** words with [a link](https://example.com), and
more.

<console
$ echo from the shell
from the page
<

- one
- two

<details>
<summary>The answer</summary>

Forty-two.

<diff a.go
-a
+b
<

<console
$ echo changed
from the exercise
exit status 1
<

</details>
`

// player plays in memory; it waits as wait does, and runs a chapter's words as they are.
func player(t *testing.T, wait func(what string) error) (walkthrough.Player, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	same := func(s string) string { return s }
	return walkthrough.Player{
		Out: &out,
		Session: &walkthrough.Session{
			Argv: func(c walkthrough.Command) ([]string, error) { return c.Words, nil },
			Log:  t.Output(),
		},
		Prose: walkthrough.Prose{Width: 30, Strong: same, Stress: same, Faint: same},
		Wait:  func(_ context.Context, what string) error { return wait(what) },
		Runs:  func(c walkthrough.Command) bool { return len(c.Changes) == 0 },
	}, &out
}

// parse returns the chapter twice. Its fences are written <, as a raw string has no backticks.
func parse(t *testing.T, text string) []walkthrough.Chapter {
	t.Helper()
	for _, fence := range []string{"<console", "<diff", "<\n"} {
		text = strings.ReplaceAll(text, "\n"+fence, "\n```"+fence[1:])
	}
	c, err := walkthrough.Parse("page.md", text)
	if err != nil {
		t.Fatal(err)
	}
	return []walkthrough.Chapter{c, c}
}

func TestAChapterIsPlayedStepByStep(t *testing.T) {
	t.Parallel()
	var asked []string
	p, out := player(t, func(what string) error {
		asked = append(asked, what)
		return nil
	})
	if err := p.Play(t.Context(), parse(t, played)); err != nil {
		t.Fatal(err)
	}
	want := "\n1. A chapter\n\nSome strong words with a link\n<https://example.com>, and\nmore.\n" +
		"\n$ echo from the shell\nfrom the shell\n\n- one\n- two\n\n\n" +
		"Forty-two.\n\na.go\n    -a\n" +
		"    +b\n\n$ echo changed\nfrom the exercise\nexit status 1\n"
	if got := out.String(); got != want+want {
		t.Errorf("got %s\nwant twice %s", got, want)
	}
	steps := []string{"run it", "The answer", "1. A chapter", "run it", "The answer"}
	if !slices.Equal(asked, steps) {
		t.Errorf("asked before %q, want before %q", asked, steps)
	}
}

func TestTheReaderMayQuitAtEachStep(t *testing.T) {
	t.Parallel()
	for stop, unseen := range []string{"\nfrom the shell", "Forty-two", "exit status 1\n\n1. A"} {
		p, out := player(t, func(string) error {
			stop--
			if stop < 0 {
				return walkthrough.ErrQuit
			}
			return nil
		})
		err := p.Play(t.Context(), parse(t, played))
		if !errors.Is(err, walkthrough.ErrQuit) || strings.Contains(out.String(), unseen) {
			t.Errorf("%v, want that the reader quits before %q:\n%s", err, unseen, out)
		}
	}
}

func TestAnUnexpectedExitStatusIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	p, out := player(t, func(string) error { return nil })
	err := p.Play(t.Context(), parse(t, "\n<console\n$ false\n<\n\nthe end\n"))
	if !errors.Is(err, walkthrough.ErrStatus) || !strings.HasSuffix(out.String(), "\nthe end\n") {
		t.Errorf("%v after %q, want to be told at the end", err, out)
	}
}

// script writes a shell script, and returns what runs it. Were it run by its name, a process that
// another test has just forked could still have it open for writing.
func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "sh " + file
}

func TestWhatStaysIsThereForTheNextAndGoneBehindTheChapter(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	stays := script(t, "trap 'touch "+gone+"; exit' INT\necho \"  export NAME='a value'\"\n"+
		"echo Press Ctrl-C\nwhile :; do sleep 0.01; done\n")
	next := script(t, "echo the name is $NAME\n")
	p, out := player(t, func(string) error { return nil })
	chapter := "\n<console\n$ " + stays + " --keep\n$ " + next + "\n<\n"
	if err := p.Play(t.Context(), parse(t, chapter)[:1]); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\nthe name is a value\n") {
		t.Errorf("the next command lacks what was exported: %s", out)
	}
	if _, err := os.Stat(gone); err != nil {
		t.Errorf("it was not asked to end: %v", err)
	}
}

func TestWhoEndsTheContextEndsTheCommandAndWaits(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	lasts := script(t, "trap 'touch "+gone+"; exit' INT\necho up\nwhile :; do sleep 0.01; done\n")
	p, _ := player(t, func(string) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	p.Out = writerFunc(func(b []byte) (int, error) {
		if string(b) == "up\n" {
			cancel()
		}
		return len(b), nil
	})
	err := p.Play(ctx, parse(t, "\n<console\n$ "+lasts+"\n<\n"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
	if _, err := os.Stat(gone); err != nil {
		t.Errorf("the command had no time to clean up: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestProseIsForATerminal(t *testing.T) {
	t.Parallel()
	p := walkthrough.Prose{
		Width:  20,
		Strong: func(s string) string { return "<" + s + ">" },
		Stress: func(s string) string { return "/" + s + "/" },
		Faint:  func(s string) string { return s },
	}
	for markdown, want := range map[string]string{
		"## A heading of `a`":           "<A heading of `a`>\n",
		"Words that are\nbroken anew.":  "Words that are\nbroken anew.\n",
		"**Two words**, that *matter*.": "<Two words>, that\n/matter/.\n",
		"*Words of\ntwo lines.* Done.":  "/Words of two\nlines./ Done.\n",
		"- an item that goes\n  on\n- and another": "" +
			"- an item that goes\n  on\n- and another\n",
		"1. see [here](there.md)":      "1. see here\n",
		"go [on](https://a-b.c/d-e.f)": "go on\n<https://a-b.c/d-e.f>\n",
		"`--mode naive-lock` \\* snake_case_name": "" +
			"`--mode naive-lock`\n* snake_case_name\n",
		"| | |\n|---|---|\n| `a` | one |\n| `bcd` | two |": "  `a`     one\n  `bcd`   two\n",
	} {
		if got := p.Text(markdown); got != want {
			t.Errorf("%q becomes %q, want %q", markdown, got, want)
		}
	}
}
