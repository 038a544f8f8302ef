package walkthrough_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/internal/walkthrough"
)

// notRun are the fenced blocks that are neither run nor found in a source file, each by its page
// and first line, with the reason.
func notRun() map[string]map[string]string {
	return map[string]map[string]string{
		"README.md": {
			"go run ./cmd/demo      # see it: $30, then $10; a minute or two the first time, " +
				"then 3 seconds": "the first is run below, and this test is a part of the second",
			"docker compose up": "needs Docker; .ci/run runs it in three modes",
			"go run ./cmd/reconcile --period 2026-12 --database-url postgres://…          # " +
				"says what is wrong": "needs a ledger of one's own; chapter 10 runs it on one",
			"STRIPE_SECRET_KEY=sk_test_… worker --name server-a --mode locked --at now \\": "" +
				"needs a Stripe key, and the schedule has no end",
		},
		"docs/peers.md": {
			"cd scripts/peers && go run . --runs 3 --parallel 6": "" +
				"takes minutes; .ci/run tests the module, and its tests hold the table",
			"$ go run . --fault late,crash-before-charge,crash-after-charge": "" +
				"is run in a module of its own, by .ci/run",
		},
		"docs/13-your-own-mode.md": {
			"go run ./cmd/demo explore --mode expiring --fault intent-canceled": "" +
				"what the reader mends is the reader's",
		},
		"docs/scale.md": {
			"go run ./cmd/demo load --mode locked --servers 30 --parts " +
				"--subscriptions 30000 \\": "takes a minute; the table is from such runs",
			"LARGE_RUNS=1 go test -count=1 -v -run TestServersShareTheLimits " +
				"./billing/stripecharge": "prints rates",
			"LARGE_RUNS=1 go test -count=1 -timeout 30m -run TestLockedOutlives " +
				"./internal/worker": "takes minutes; .ci/run makes it with fewer invoices",
		},
		"docs/performance.md": {
			"go run ./cmd/demo load --mode exactly-once --subscriptions 100000": "" +
				"takes minutes; .ci/run makes the second of these runs",
			"go run ./cmd/demo load --mode exactly-once --subscriptions 1000000": "" +
				"takes half an hour beside other work; the output is from a run",
			"go run ./cmd/demo load --mode exactly-once --subscriptions 100000 " +
				"--kill-every 2s": "" +
				"is run by .ci/run, and prints other times",
			"go run ./cmd/demo load --mode locked --subscriptions 50000 --kill-every 2s": "" +
				"where the kills hit is never the same twice",
			"cd scripts/bench && go run .          # two hours; --quick takes a minute " +
				"and proves nothing": ".ci/run makes the quick one",
		},
		"docs/your-worker.md": {
			`demo trial --trigger 'curl -sf -X POST "http://127.0.0.1:$PORT/bill"' ` +
				`-- node worker.js`: "" +
				"the worker is the reader's; a test of internal/trial has one that stays up",
		},
		"docs/changing-modes.md": {
			"  server-a  SET lock:billing:alice:2026-12 " +
				"server-a:… NX PX 30000 → OK": "" +
				"two servers' lines side by side; the test that the page names runs them",
		},
	}
}

func TestEveryBlockIsRunOrFoundOrSaidNotToBe(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		left, made := notRun()[page], map[string]string{} // files as a section has changed them
		for _, b := range read(t, page).Blocks {
			if strings.HasPrefix(b.Text, "## ") {
				clear(made)
			}
			if b.Kind != walkthrough.Code {
				continue
			}
			language, file, found := strings.Cut(b.Info, " ")
			first, _, _ := strings.Cut(b.Text, "\n")
			switch {
			case left[first] != "":
				delete(left, first)
			case b.Info == "redis":
				redisAnswers(t, page, b)
			case found && language == "diff":
				change := walkthrough.Change{File: file, Hunks: b.Text}
				text := made[file]
				if text == "" && exists(filepath.Join(root, file)) { // else the change makes it
					text = source(t, file)
				}
				var err error
				if made[file], err = change.Apply(text); err != nil {
					t.Errorf("%s:%d: %v", page, b.Line, err)
				}
			case found:
				if line := missing(b.Text, source(t, file)); line != "" {
					t.Errorf("%s:%d: %s has no line (here) that says %q", page, b.Line, file, line)
				}
			default:
				t.Errorf("%s:%d: the block %q is not run: make it a console, or say in notRun why",
					page, b.Line, first)
			}
		}
		for first := range left {
			t.Errorf("%s has no block %q that is not run", page, first)
		}
	}
}

// redisAnswers types the block's lines after ">" into a Redis, and holds the answers to the page's.
func redisAnswers(t *testing.T, page string, b walkthrough.Block) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer func() { _ = client.Close() }()
	for _, typed := range strings.Split(b.Text, "> ")[1:] {
		command, want, _ := strings.Cut(strings.TrimSpace(typed), "\n")
		var words []any
		for _, word := range strings.Fields(command) {
			words = append(words, word)
		}
		answer, err := client.Do(t.Context(), words...).Text()
		switch {
		case errors.Is(err, redis.Nil):
			answer = "(nil)"
		case err != nil:
			answer = "(error) " + err.Error()
		case answer != "OK":
			answer = strconv.Quote(answer)
		}
		if answer != want {
			t.Errorf("%s:%d: %s answers %s, want %s", page, b.Line, command, answer, want)
		}
	}
}

func source(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// missing returns the first line of the excerpt that the source doesn't have after the one before;
// "" if it has all. An excerpt leaves lines out, such as comments that the chapter replaces.
func missing(excerpt, source string) string {
	rest := strings.Split(source, "\n")
	for line := range strings.Lines(excerpt) {
		line = strings.TrimSpace(line)
		for len(rest) > 0 && strings.TrimSpace(rest[0]) != line {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return line
		}
		rest = rest[1:]
	}
	return ""
}

// What a page says that a command prints is held to it line by line: none can be left out, and no
// word, count or amount be changed.
func TestAnOutputThatIsChangedInAPageIsFound(t *testing.T) {
	t.Parallel()
	word, figure := regexp.MustCompile(`\b\pL{3,}\b`), regexp.MustCompile(`\$\d|\d ×`)
	for _, page := range pages(t) {
		for _, c := range commands(read(t, page)) {
			printed := c.Printed()
			if differs := walkthrough.Differs(printed, printed); differs != "" {
				t.Errorf("%s:%d: it differs from itself: %s", page, c.Line, differs)
			}
			for i, line := range printed {
				if line == "" {
					continue
				}
				changed := append(append([]string{}, printed[:i]...), printed[i+1:]...)
				if walkthrough.Differs(changed, printed) == "" {
					t.Errorf("%s:%d: nobody finds that this line is gone: %s", page, c.Line+1+i,
						line)
				}
				for _, at := range []*regexp.Regexp{word, figure} {
					span := at.FindStringIndex(line)
					if span == nil {
						continue
					}
					changed := append([]string{}, printed...)
					changed[i] = line[:span[0]] + "xyzzy" + line[span[1]:]
					if walkthrough.Differs(changed, printed) == "" {
						t.Errorf("%s:%d: nobody finds that %q is changed: %s", page, c.Line+1+i,
							line[span[0]:span[1]], line)
					}
				}
			}
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)|<img src="([^"]*)"`)
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(source(t, page), -1) {
			target := match[1] + match[3]
			if strings.HasPrefix(target, "http") {
				continue // not ours, and no test asks the network
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s: %v", page, target, err)
			}
		}
	}
}

// Two spellings of one page's address have the same host, but for its prefix, and the same last
// part. (A page of a reference, in api/, is another than the guide's.)
// In Go only comments count: what the simulator answers has Stripe's own old addresses.
func TestAnAddressIsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case path.Ext(file) == ".go", path.Ext(file) == ".md":
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`https?://([a-z.]+\.(?:com|io|org|sh|google))(/[\w./-]*\w)/?`)
	first := map[string]string{}
	for _, file := range files {
		for line := range strings.Lines(source(t, file)) {
			if _, comment, ok := strings.Cut(line, "// "); strings.HasSuffix(file, ".go") {
				if line = comment; !ok {
					continue
				}
			}
			for _, found := range address.FindAllStringSubmatch(line, -1) {
				labels := strings.Split(found[1], ".")
				page := strings.Join(labels[len(labels)-2:], ".") + " " + path.Base(found[2])
				if strings.Contains(found[2], "/api/") {
					page = "api: " + page
				}
				if before, ok := first[page]; ok && before != found[0] {
					t.Errorf("%s: %s is written %s elsewhere", file, found[0], before)
				}
				if first[page] = found[0]; strings.Contains(found[0], "postgresql.org/docs/1") {
					t.Errorf("%s: %s names a version, not current", file, found[0])
				}
			}
		}
	}
}

func TestAnAddressThatAPageCitesIsInTheListOfSources(t *testing.T) {
	t.Parallel()
	cited := regexp.MustCompile(`\]\((https?://[^)#]+)`)
	list := source(t, "docs/sources.md")
	for _, page := range pages(t) {
		for _, found := range cited.FindAllStringSubmatch(source(t, page), -1) {
			if page != "docs/changelog.md" && !strings.Contains(list, "("+found[1]+")") {
				t.Errorf("%s cites %s, which docs/sources.md lacks", page, found[1])
			}
		}
	}
}
