package walkthrough_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/walkthrough"
)

func TestMain(m *testing.M) {
	// Of what somebody has exported, nothing is for the docs' commands.
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_URL", "REDIS_URL"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	status := servicetest.Run(m)
	if folder, err := programs(); err == nil && os.RemoveAll(folder) != nil {
		status = 1
	}
	os.Exit(status)
}

// programs returns the folder of what the docs' commands run, compiled once.
var programs = sync.OnceValues(func() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "walkthrough-"); err != nil {
		return "", err
	}
	return folder, compile("-o="+folder, "./cmd/demo", "./cmd/reconcile")
})

func compile(args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-ldflags=-s -w"}, args...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}

// session runs a page's commands. They share a Postgres.
func session(t *testing.T) *walkthrough.Session {
	t.Helper()
	files := t.TempDir()           // for what a command writes for the next
	changed := map[string]string{} // the folders of what is compiled, by the changes to the source
	s := &walkthrough.Session{
		Env: append(os.Environ(), "DATABASE_URL="+servicetest.Database(t)),
		Log: t.Output(),
		Argv: func(c walkthrough.Command) ([]string, error) {
			for i, word := range c.Words {
				switch {
				case strings.HasPrefix(word, "suspects."):
					c.Words[i] = filepath.Join(files, word)
				case strings.HasPrefix(word, "docs/"):
					c.Words[i] = filepath.Join(root, word)
				}
				if strings.HasPrefix(word, "scripts/") {
					c.Words[i] = filepath.Join(root, word)
				}
			}
			key := fmt.Sprint(c.Changes)
			_, again := changed[key]
			if !again {
				changed[key] = t.TempDir()
			}
			return argv(c, changed[key], again)
		},
	}
	t.Cleanup(s.Close)
	return s
}

// argv runs a command with what was compiled already, or, where an exercise asks for changes, with
// what is compiled from these; folder is for that, or, if again, may have it already.
func argv(c walkthrough.Command, folder string, again bool) ([]string, error) {
	if len(c.Changes) == 0 && says(c, "go", "run") {
		compiled, err := programs()
		return append([]string{program(compiled, c)}, c.Words[3:]...), err
	}
	if again && says(c, "go", "run") && exists(program(folder, c)) {
		return append([]string{program(folder, c)}, c.Words[3:]...), nil
	}
	overlay, err := overlay(folder, c.Changes)
	switch {
	case err != nil:
		return nil, err
	case says(c, "go", "test"):
		return append([]string{"go", "-C", root, "test", overlay}, c.Words[2:]...), nil
	case says(c, "go", "run"):
		return append([]string{program(folder, c)}, c.Words[3:]...),
			compile("-o="+folder, overlay, c.Words[2])
	}
	return nil, fmt.Errorf("%s: want go run or go test", c)
}

func program(folder string, c walkthrough.Command) string {
	return filepath.Join(folder, filepath.Base(c.Words[2]))
}

// overlay returns go's flag for a source with the changes made.
func overlay(folder string, changes []walkthrough.Change) (string, error) {
	changed := map[string]string{} // file to text
	for _, c := range changes {
		path, err := filepath.Abs(filepath.Join(root, c.File))
		if err != nil {
			return "", err
		}
		if _, ok := changed[path]; !ok {
			text, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // a new file is one that was empty
				return "", err
			}
			changed[path] = string(text)
		}
		if changed[path], err = c.Apply(changed[path]); err != nil {
			return "", err
		}
	}
	replace := map[string]string{}
	for path, text := range changed {
		instead := filepath.Join(folder, fmt.Sprint(len(replace), "-", filepath.Base(path)))
		if err := os.WriteFile(instead, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = instead
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "overlay.json")
	return "-overlay=" + file, os.WriteFile(file, list, 0o600)
}
