package walkthrough

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Exercise returns the changes that the chapter's exercise asks for; none if it has no exercise.
func (c Chapter) Exercise() []Change { return c.changes }

// Prepare writes the files of the changes into the folder, a git checkout's root: as they were
// committed, or, if solved, with the changes made. It writes nothing unless it can make all of
// them. A file that was neither stays beside it with "~" after its name. Prepare returns a line for
// each file.
func Prepare(ctx context.Context, folder string, changes []Change, solved bool) ([]string, error) {
	start, solution := map[string]string{}, map[string]string{}
	for _, c := range changes {
		text, err := solution[c.File], error(nil)
		if text == "" {
			text, err = committed(ctx, folder, c.File)
			start[c.File] = text
		}
		if err == nil {
			solution[c.File], err = c.Apply(text)
		}
		if err != nil {
			return nil, err
		}
	}
	var lines []string
	for _, file := range slices.Sorted(maps.Keys(start)) {
		path, want, line := filepath.Join(folder, file), start[file], file+": as committed"
		if solved {
			want, line = solution[file], file+": with the exercise's changes"
		}
		now, err := os.ReadFile(path)
		if own := string(now); err == nil && own != start[file] && own != solution[file] {
			line += "; yours is in " + file + "~"
			err = os.Rename(path, path+"~")
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			if err = os.WriteFile(path, []byte(want), 0o644); want == "" { // the exercise adds it
				err = os.Remove(path)
			}
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// committed returns the file's last committed text; "" if it has none.
func committed(ctx context.Context, folder, file string) (string, error) {
	git := func(args ...string) (string, error) {
		args = append([]string{"-C", folder}, args...)
		out, err := exec.CommandContext(ctx, "git", args...).Output()
		return string(out), err
	}
	listed, err := git("ls-tree", "--name-only", "HEAD", "--", file)
	if err != nil {
		return "", fmt.Errorf("read the committed %s (run this in the root of a git checkout): %w",
			file, err)
	}
	if listed == "" {
		return "", nil
	}
	return git("show", "HEAD:./"+file)
}

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
