package walkthrough_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/walkthrough"
)

const root = "../.."

var update = flag.Bool("update", false, "write what commands print into the docs, where it differs")

// pages are the Markdown files that are held to what they say, from the repository's root.
func pages(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("found %d pages: %v", len(found), err)
	}
	pages := []string{"README.md"}
	for _, page := range found {
		pages = append(pages, "docs/"+filepath.Base(page))
	}
	return pages
}

func read(t testing.TB, page string) walkthrough.Chapter {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	c, err := walkthrough.Parse(page, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// commands are a page's, in order.
func commands(c walkthrough.Chapter) (all []walkthrough.Command) {
	for _, b := range c.Blocks {
		all = append(all, b.Commands...)
	}
	return all
}

func TestEveryCommandPrintsWhatTheDocsSay(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			var old, news []walkthrough.Command
			s := session(t)
			for _, c := range commands(read(t, page)) {
				if exercise := len(c.Changes) > 0; exercise != (os.Getenv("EXERCISES") != "") {
					continue // each is a compilation of its own; .ci/run does them by themselves
				}
				now := run(t, s, c)
				differs := walkthrough.Differs(c.Printed(), now.Printed())
				if differs == "" {
					continue
				}
				old, news = append(old, c), append(news, now)
				if !*update {
					t.Errorf("%s:%d: %s prints\n%s", page, c.Line, c, differs)
				}
			}
			if len(news) > 0 && *update {
				rewrite(t, page, old, news)
			}
		})
	}
}

// secret is an address with a password in it, and too long for a page.
var secret = regexp.MustCompile(`\b(postgres|redis)://[^\s']+`)

// run runs the command, and returns it with what it printed now.
func run(t *testing.T, s *walkthrough.Session, c walkthrough.Command) walkthrough.Command {
	t.Helper()
	var out bytes.Buffer
	typed := c
	draws := *update && len(c.Changes) == 0 && says(c, "go", "run", "./cmd/demo", "run")
	if file := picture(c); draws && exists(file) {
		typed.Words = append(slices.Clone(c.Words), "--svg", file)
	}
	status, err := s.Run(t.Context(), typed, &out)
	if err != nil {
		t.Fatalf("%d: %v", c.Line, err)
	}
	c.Output = nil
	text := secret.ReplaceAllString(strings.TrimRight(out.String(), " \n"), "$1://…")
	for line := range strings.Lines(text) {
		c.Output = append(c.Output, strings.TrimRight(line, " \n"))
	}
	if c.Status = status; says(c, "go", "test") {
		c.Status = 0 // it has said FAIL, and go says no more
	}
	return c
}

// says reports whether these are the command's first words.
func says(c walkthrough.Command, words ...string) bool {
	return len(c.Words) > len(words) && slices.Equal(c.Words[:len(words)], words)
}

// rewrite puts what commands print into the page, from the bottom to the top.
func rewrite(t *testing.T, page string, old, news []walkthrough.Command) {
	t.Helper()
	path := filepath.Join(root, page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, c := range slices.Backward(old) {
		lines = slices.Replace(lines, c.Line, c.Line+len(c.Printed()), news[i].Printed()...)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}
