package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAnInputIsARegularFile(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fifo, "/dev/zero", t.TempDir(), fifo + "/none", ""} {
		if _, err := OpenInput(name); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: got %v, want it refused", name, err)
		}
	}
}

func TestOutputsAreMadeTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	old := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write := func(files []io.Writer) error {
		_, err := io.WriteString(files[0], "new")
		return err
	}
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		do    func([]io.Writer) error
		names []string
		want  error
	}{
		"one exists":          {write, []string{a, old}, os.ErrExist},
		"one is named twice":  {write, []string{a, a}, os.ErrExist},
		"one can't be made":   {write, []string{a, filepath.Join(b, "b")}, os.ErrNotExist},
		"what is done failed": {func([]io.Writer) error { return broken }, []string{a, b}, broken},
	} {
		err := WithOutputs(tt.do, tt.names...)
		left, _ := os.ReadDir(dir)
		if kept, _ := os.ReadFile(old); !errors.Is(err, tt.want) || len(left) > 0 ||
			string(kept) != "old" {
			t.Errorf("%s: got %v, %q, and %v is left, want %v", name, err, kept, left, tt.want)
		}
	}
	err := WithOutputs(write, a, "")
	if made, _ := os.ReadFile(a); err != nil || string(made) != "new" {
		t.Errorf("got %q, %v", made, err)
	}
}
