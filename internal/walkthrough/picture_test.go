package walkthrough_test

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/walkthrough"
)

// picture is where a page has the picture of what a `demo run` did, if it has it: -update draws
// those that are there anew.
func picture(c walkthrough.Command) string {
	mode, fault := after(c, "--mode"), after(c, "--fault")
	return filepath.Join(root, "docs", "pictures", mode+"-"+fault+".svg")
}

func after(c walkthrough.Command, flag string) string {
	if i := slices.Index(c.Words, flag); i >= 0 && i+1 < len(c.Words) {
		return c.Words[i+1]
	}
	return ""
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

var (
	pictured = regexp.MustCompile(`\]\((\S+\.svg)\)`)
	inWords  = regexp.MustCompile(`(?s)<desc[^>]*>(.*)</desc>`)
	ttl      = regexp.MustCompile(`PX \d+`)
)

// A picture says in words what it shows, and these are what a command of its page prints.
func TestPicturesShowWhatTheirPagesPrint(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, page := range pages(t) {
		for _, match := range pictured.FindAllStringSubmatch(source(t, page), -1) {
			file := filepath.Join(filepath.Dir(page), match[1])
			shown[file] = true
			text := inWords.FindStringSubmatch(source(t, file))
			if text == nil {
				t.Errorf("%s says nothing in words", file)
				continue
			}
			told := strings.Split(html.UnescapeString(text[1]), "\n")
			printed := slices.ContainsFunc(commands(read(t, page)),
				func(c walkthrough.Command) bool {
					return len(c.Changes) == 0 && tells(c.Output, told)
				})
			if !printed {
				t.Errorf("%s shows %s, and no command there prints what that tells:\n%s", page,
					file,
					strings.Join(told, "\n"))
			}
		}
	}
	drawn, err := filepath.Glob(root + "/docs/pictures/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range drawn {
		if name := filepath.Join("docs", "pictures", filepath.Base(file)); !shown[name] {
			t.Errorf("no page shows %s", name)
		}
	}
}

// tells reports whether a paragraph of the output tells what a picture tells, a lane a line. How
// long a lease lasts it may tell otherwise: demo has another TTL than demo run.
func tells(output, told []string) bool {
	text := ttl.ReplaceAllString(strings.Join(output, "\n"), "PX")
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		picture := []string{}
		for _, line := range told {
			name, words, _ := strings.Cut(ttl.ReplaceAllString(line, "PX"), ": ")
			picture = append(picture, fmt.Sprintf("  %s  %s", name, words))
		}
		paragraph := strings.Split(paragraph, "\n")
		if strings.Contains(text, "midnight") { // where it is all the same who was first
			paragraph = append([]string{"at midnight", ""}, paragraph...)
			picture = append([]string{"at midnight", ""}, picture...)
		}
		if walkthrough.Differs(paragraph, picture) == "" {
			return true
		}
	}
	return false
}
