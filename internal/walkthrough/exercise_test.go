package walkthrough_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/walkthrough"
)

// checkout returns a git checkout with the file committed.
func checkout(t *testing.T, file, text string) string {
	t.Helper()
	folder := t.TempDir()
	put(t, filepath.Join(folder, file), text)
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "first"},
	} {
		git := exec.CommandContext(t.Context(), "git", append([]string{"-C", folder}, args...)...)
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args[0], err, out)
		}
	}
	return folder
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// text is what is in the file; "none" if there is no file.
func text(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return "none"
	} else if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnExerciseStartsAndIsSolvedWhateverWasTried(t *testing.T) {
	t.Parallel()
	folder := checkout(t, "a.go", "one\ntwo\n")
	changes := []walkthrough.Change{
		{File: "a.go", Hunks: " one\n-two\n+2"}, {File: "new.go", Hunks: "+package new"},
	}
	a, added := filepath.Join(folder, "a.go"), filepath.Join(folder, "new.go")
	put(t, a, "a student's own\n")
	for _, solved := range []bool{true, true, false, false, true} {
		if _, err := walkthrough.Prepare(t.Context(), folder, changes, solved); err != nil {
			t.Fatal(err)
		}
		wantA, wantNew := "one\ntwo\n", "none"
		if solved {
			wantA, wantNew = "one\n2\n", "package new\n"
		}
		if got := text(t, a); got != wantA {
			t.Errorf("solved %t: %q, want %q", solved, got, wantA)
		}
		if got := text(t, added); got != wantNew {
			t.Errorf("solved %t: the new file: %q, want %q", solved, got, wantNew)
		}
	}
	if got := text(t, a+"~"); got != "a student's own\n" {
		t.Errorf("what the student wrote is lost: %q", got)
	}
	put(t, a, "another try\n")
	if _, err := walkthrough.Prepare(t.Context(), folder, changes, false); err != nil {
		t.Fatal(err)
	}
	if got := text(t, a+"~"); got != "another try\n" {
		t.Errorf("what was tried is lost: %q", got)
	}
}

func TestNothingIsPreparedByHalf(t *testing.T) {
	t.Parallel()
	folder := checkout(t, "a.go", "one\n")
	good := walkthrough.Change{File: "a.go", Hunks: "-one\n+1"}
	bad := walkthrough.Change{File: "a.go", Hunks: "-nowhere\n+here"}
	changes := []walkthrough.Change{good, bad}
	if _, err := walkthrough.Prepare(t.Context(), folder, changes, true); err == nil {
		t.Error("a change without a place was made")
	}
	if _, err := walkthrough.Prepare(t.Context(), t.TempDir(), changes[:1], true); err == nil {
		t.Error("a folder without git was taken")
	}
	if got := text(t, filepath.Join(folder, "a.go")); got != "one\n" {
		t.Errorf("it is %q", got)
	}
}

func TestEachChapterHasAnExercise(t *testing.T) {
	t.Parallel()
	chapters, err := walkthrough.Chapters(docs.Chapters)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters {
		if len(c.Exercise()) == 0 {
			t.Errorf("%s has none", c.File)
		}
	}
}
