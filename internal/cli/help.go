package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"example.com/triplecharge/internal/screen"
)

// The most columns of the help, and those that it has where lines may be of any length.
const (
	widestHelp = 100
	usualHelp  = 80
	// widestLabel is how far the texts beside labels are indented at most. A longer label has a
	// line of its own.
	widestLabel = 30
)

// help prints what c takes. all: also which commands there are, as c is the default.
func (p Program) help(w io.Writer, commands []*Command, c *Command, all bool) error {
	var b strings.Builder
	if all {
		fmt.Fprintf(&b, "Usage: %s <command> [flags]\n\n%s\n\nCommands:\n", p.Name, p.Description)
		for _, command := range commands {
			fmt.Fprintf(&b, "  %s\n    %s\n\n", command.usage(), command.help)
		}
		fmt.Fprintf(&b, "Run \"%s <command> --help\" for the flags of a command.\n\n", p.Name)
	}
	fmt.Fprintf(&b, "Usage: %s %s\n\n%s\n\n", p.Name, c.usage(), strings.TrimSpace(c.help))
	var arguments, flags [][2]string
	for _, f := range c.Arguments {
		arguments = append(arguments, [2]string{f.argument(), f.text("help")})
	}
	for _, f := range c.Flags {
		label, text := "    "+f.String(), f.text("help")
		if short := f.tag.Get("short"); short != "" {
			label = "-" + short + ", " + f.String()
		}
		if f.envs != nil {
			text = strings.TrimSuffix(text, ".") + " ($" + strings.Join(f.envs, ", $") + ")."
		}
		flags = append(flags, [2]string{label, text})
	}
	if more, ok := c.target.(interface{ Help() string }); ok {
		b.WriteString(more.Help() + "\n\n")
	}
	if arguments != nil {
		b.WriteString("Arguments:\n")
		table(&b, arguments)
		b.WriteString("\n")
	}
	b.WriteString("Flags:\n")
	table(&b, flags)
	columns := min(cmp.Or(screen.Columns(w), usualHelp), widestHelp)
	_, err := io.WriteString(w, screen.Wrap(b.String(), columns))
	return err
}

// usage is how a command line of c begins.
func (c *Command) usage() string {
	words := strings.Fields(c.Name)
	for _, f := range c.Arguments {
		words = append(words, f.argument())
	}
	for _, f := range c.Flags {
		if f.Required {
			words = append(words, f.String())
		}
	}
	return strings.Join(append(words, "[flags]"), " ")
}

func (f *Flag) argument() string {
	label := f.String()
	if f.IsList() {
		label += " ..."
	}
	if !f.Required {
		label = "[" + label + "]"
	}
	return label
}

// table writes labels and, beside them, texts.
func table(b *strings.Builder, rows [][2]string) {
	width := 0
	for _, row := range rows {
		if len(row[0]) <= widestLabel {
			width = max(width, len(row[0]))
		}
	}
	for _, row := range rows {
		if len(row[0]) > widestLabel {
			fmt.Fprintf(b, "  %s\n", row[0])
			row[0] = ""
		}
		fmt.Fprintf(b, "  %-*s  %s\n", width, row[0], row[1])
	}
}
