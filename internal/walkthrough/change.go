package walkthrough

import (
	"fmt"
	"strings"
)

// Apply applies the change to its file's text. Hunks are separated by lines that start with @@, and
// each must match exactly one place.
func (c Change) Apply(text string) (string, error) {
	var before, after strings.Builder
	hunk := func() error {
		if n := strings.Count(text, before.String()); n != 1 {
			return fmt.Errorf("%s has %d places for this, want 1:\n%s", c.File, n, before.String())
		}
		text = strings.Replace(text, before.String(), after.String(), 1)
		before.Reset()
		after.Reset()
		return nil
	}
	for line := range strings.Lines(c.Hunks + "\n") {
		switch {
		case strings.HasPrefix(line, "@@"):
			if err := hunk(); err != nil {
				return "", err
			}
		case strings.HasPrefix(line, "-"):
			before.WriteString(line[1:])
		case strings.HasPrefix(line, "+"):
			after.WriteString(line[1:])
		default:
			line = strings.TrimPrefix(line, " ")
			before.WriteString(line)
			after.WriteString(line)
		}
	}
	return text, hunk()
}
