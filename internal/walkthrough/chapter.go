// Package walkthrough reads the chapters in docs/: prose, commands, and what these print. It plays
// them in a terminal, and says whether a command still prints what a chapter says. It knows no
// chapter: all that it does with one stands in the file.
package walkthrough

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Chapter is one Markdown file, taken apart.
type Chapter struct {
	File   string
	Title  string // its first heading
	Blocks []Block
}

// Block is a piece of a chapter, in the order of the file.
type Block struct {
	Kind Kind
	Line int    // its first in the file, counted from 1
	Info string // what follows the fence's backticks: "console", "go billing/locked.go"
	Text string // without the fences; of a Fold the summary, of a Picture its alternative text

	Commands []Command // of a Console
}

// Kind says what a block is.
type Kind string

// The kinds of blocks.
const (
	Paragraph Kind = "paragraph" // text, a heading, a list or a table
	Picture   Kind = "picture"   // an image on a line of its own
	Code      Kind = "code"      // fenced, and not a Console
	Console   Kind = "console"   // fenced as "console": commands behind "$ ", and what they print
	Fold      Kind = "fold"      // what follows is folded away
	Unfold    Kind = "unfold"    // up to here
)

// Command is one command of a Console.
type Command struct {
	Line    int // in the file, counted from 1
	Words   []string
	Output  []string // what it prints, without a last line that tells the exit status
	Status  int      // of "exit status 1", as go run says it
	Changes []Change // of an exercise: what a reader changes before
}

// Change is a change to the source that an exercise asks for, as a fence "diff FILE" says it.
type Change struct {
	File  string // from the repository's root
	Hunks string // lines that begin with a minus, a plus or a space
}

// String is the command as it is typed.
func (c Command) String() string { return strings.Join(c.Words, " ") }

// Printed is what stands below the command in the file.
func (c Command) Printed() []string {
	if c.Status == 0 {
		return c.Output
	}
	return append(slices.Clone(c.Output), fmt.Sprintf("exit status %d", c.Status))
}

// Chapters reads all of a folder's Markdown files, by name.
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

// Parse takes a Markdown file apart. Of Markdown it knows what the chapters use.
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
				return p.chapter, fmt.Errorf("%s:%d: the fence has no end", file, i+1)
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

// parser is where Parse is in a file.
type parser struct {
	chapter   Chapter
	paragraph *string // the text of the block that goes on, nil behind an empty line
	changes   []Change
}

func (p *parser) add(b Block) {
	p.chapter.Blocks = append(p.chapter.Blocks, b)
	p.paragraph = nil
}

func (p *parser) prose(number int, line string) {
	if p.chapter.Title == "" && strings.HasPrefix(line, "# ") {
		p.chapter.Title = line[2:]
	}
	if p.paragraph != nil {
		*p.paragraph += "\n" + line
		return
	}
	p.add(Block{Kind: Paragraph, Line: number, Text: line})
	p.paragraph = &p.chapter.Blocks[len(p.chapter.Blocks)-1].Text
}

// fence adds a fenced block; number is the line of its first fence.
func (p *parser) fence(number int, info string, lines []string) error {
	b := Block{Kind: Code, Line: number, Info: info, Text: strings.Join(lines, "\n")}
	if file, ok := strings.CutPrefix(info, "diff "); ok {
		p.changes = append(p.changes, Change{File: file, Hunks: b.Text})
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
				return fmt.Errorf("%s:%d: output without a command", p.chapter.File, number+1+i)
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

// endOutput takes the exit status off the output.
func (c *Command) endOutput() {
	if n := len(c.Output); n > 0 {
		if match := status.FindStringSubmatch(c.Output[n-1]); match != nil {
			_, _ = fmt.Sscan(match[1], &c.Status)
			c.Output = c.Output[:n-1]
		}
	}
}
