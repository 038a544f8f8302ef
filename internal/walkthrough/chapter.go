// Package walkthrough reads the chapters in docs/: prose, commands and their output. It plays them
// in a terminal, and checks that commands still print what the chapters say. Everything about a
// chapter is in its file.
package walkthrough

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Chapter is one parsed Markdown file.
type Chapter struct {
	File   string
	Title  string // its first heading
	Blocks []Block

	changes []Change
}

// Block is a piece of a chapter, in the order of the file.
type Block struct {
	Kind Kind
	Line int    // first line in the file, counted from 1
	Info string // after the fence's backticks: "console", "go billing/locked.go"
	Text string // without the fences; a Fold's summary, a Picture's alternative text

	Commands []Command // only in a Console
}

// Kind is the kind of a block.
type Kind string

// The kinds of blocks, in Markdown terms.
const (
	Paragraph Kind = "paragraph" // text, a heading, a list or a table
	Picture   Kind = "picture"   // an image on a line of its own
	Code      Kind = "code"      // fenced, but not a Console
	Console   Kind = "console"   // fenced as "console": commands after "$ ", and their output
	Fold      Kind = "fold"      // <details>
	Unfold    Kind = "unfold"    // </details>
)

// Command is one command of a Console.
type Command struct {
	Line    int // in the file, counted from 1
	Words   []string
	Output  []string // its output, without the exit status
	Status  int      // from go run's last line, "exit status 1"
	Changes []Change // the changes that the section's exercise asks for first
}

// Change is a change to the source that an exercise asks for, in a fence "diff FILE".
type Change struct {
	File  string // relative to the repository's root
	Hunks string // lines that start with a minus, a plus or a space
}

// String returns the command as typed.
func (c Command) String() string { return strings.Join(c.Words, " ") }

// Printed returns the lines below the command in the file.
func (c Command) Printed() []string {
	if c.Status == 0 {
		return c.Output
	}
	return append(slices.Clone(c.Output), fmt.Sprintf("exit status %d", c.Status))
}

// Chapters reads a folder's Markdown files, sorted by name.
func Chapters(folder fs.FS) ([]Chapter, error) {
	files, err := fs.Glob(folder, "*.md")
	if err != nil {
		return nil, err
	}
	var chapters []Chapter
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		c, err := Parse(file, string(text))
		if err != nil {
			return nil, err
		}
		chapters = append(chapters, c)
	}
	return chapters, nil
}

var (
	image   = regexp.MustCompile(`^!\[(.*)\]\(.*\)$|^<img .*alt="([^"]*)".*>$`)
	summary = regexp.MustCompile(`^<summary>(.*)</summary>$`)
	status  = regexp.MustCompile(`^exit status (\d+)$`)
)

// Parse splits a Markdown file into blocks, at fences and empty lines. It does not use goldmark, as
// Prose does for the text in a block, because a command needs its line in the file.
func Parse(file, text string) (Chapter, error) {
	p := parser{chapter: Chapter{File: file}}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " ")
		switch {
		case strings.HasPrefix(line, "```"):
			end := i + 1
			for end < len(lines) && lines[end] != "```" {
				end++
			}
			if end == len(lines) {
				return p.chapter, fmt.Errorf("%s:%d: the fence isn't closed by ```", file, i+1)
			}
			if err := p.fence(i+1, line[3:], lines[i+1:end]); err != nil {
				return p.chapter, err
			}
			i = end
		case image.MatchString(line):
			alt := image.FindStringSubmatch(line)
			p.add(Block{Kind: Picture, Line: i + 1, Text: alt[1] + alt[2]})
		case line == "<details>":
			p.add(Block{Kind: Fold, Line: i + 1})
		case line == "</details>":
			p.add(Block{Kind: Unfold, Line: i + 1})
		case summary.MatchString(line):
			p.chapter.Blocks[len(p.chapter.Blocks)-1].Text = summary.FindStringSubmatch(line)[1]
		case line == "":
			p.paragraph = nil
		default:
			p.prose(i+1, line)
		}
	}
	return p.chapter, nil
}

type parser struct {
	chapter   Chapter
	paragraph *string  // the unfinished block's text, nil after an empty line
	changes   []Change // in this section
}

func (p *parser) add(b Block) {
	p.chapter.Blocks = append(p.chapter.Blocks, b)
	p.paragraph = nil
}

func (p *parser) prose(number int, line string) {
	if p.chapter.Title == "" && strings.HasPrefix(line, "# ") {
		p.chapter.Title = line[2:]
	}
	if strings.HasPrefix(line, "## ") {
		p.changes = nil
	}
	if p.paragraph != nil {
		*p.paragraph += "\n" + line
		return
	}
	p.add(Block{Kind: Paragraph, Line: number, Text: line})
	p.paragraph = &p.chapter.Blocks[len(p.chapter.Blocks)-1].Text
}

// fence adds a fenced block; number is the line of its opening fence.
func (p *parser) fence(number int, info string, lines []string) error {
	b := Block{Kind: Code, Line: number, Info: info, Text: strings.Join(lines, "\n")}
	if file, ok := strings.CutPrefix(info, "diff "); ok {
		change := Change{File: file, Hunks: b.Text}
		p.changes = append(p.changes, change)
		p.chapter.changes = append(p.chapter.changes, change)
	}
	if info == "console" {
		b.Kind = Console
		for i, line := range lines {
			if typed, ok := strings.CutPrefix(line, "$ "); ok {
				b.Commands = append(b.Commands, Command{
					Line: number + 1 + i, Words: strings.Fields(typed), Changes: p.changes,
				})
				continue
			}
			if len(b.Commands) == 0 {
				return fmt.Errorf("%s:%d: no \"$ \" before the command", p.chapter.File, number+1+i)
			}
			c := &b.Commands[len(b.Commands)-1]
			c.Output = append(c.Output, line)
		}
		for i := range b.Commands {
			b.Commands[i].endOutput()
		}
	}
	p.add(b)
	return nil
}

// endOutput moves the exit status from the output to Status.
func (c *Command) endOutput() {
	if n := len(c.Output); n > 0 {
		if match := status.FindStringSubmatch(c.Output[n-1]); match != nil {
			_, _ = fmt.Sscan(match[1], &c.Status)
			c.Output = c.Output[:n-1]
		}
	}
}
