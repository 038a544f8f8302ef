package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPictureOfARunIsWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "run.svg")
	if err := os.WriteFile(file, []byte("an older one"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, log := demo(t, "run", "--mode", "uncoordinated", "--fault", "none", "--svg", file)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, log)
	}
	drawn, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"uncoordinated at midnight: Alice owed $10.00 and paid $30.00", "charge 2: $10.00",
		"charge 3: $10.00",
	} {
		if !strings.Contains(string(drawn), want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	alone(t, file)
}

func TestAPictureThatCanNotBeWrittenIsKnownBeforeTheRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "nowhere", "run.svg")} {
		status, out, log := demo(t, "run", "--mode", "locked", "--fault", "none", "--svg", path)
		if status != 2 || out != "" || !strings.Contains(log, "--svg: "+path) {
			t.Errorf("%s: exit status %d, %q and %q, want 2 and what is wrong", path, status, out,
				log)
		}
	}
}

func TestWhereThereIsNothingToDrawNothingIsWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "run.svg")
	if err := os.WriteFile(file, []byte("an older one"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, log := demo(t, "run", "--mode", "locked", "--fault", "redlock-majority",
		"--svg", file)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, log)
	}
	if left, err := os.ReadFile(file); err != nil || string(left) != "an older one" {
		t.Errorf("the older picture is %q, %v", left, err)
	}
	alone(t, file)
}

// alone fails the test if the file's directory has any other file.
func alone(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v; want %s alone", entries, err, file)
	}
}
