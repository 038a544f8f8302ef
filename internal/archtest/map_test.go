package archtest_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README's map is how a reader finds the package to look at, so it has a row for each.
func TestTheMapHasARowForEachRoom(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "\n## The map\n")
	if !found {
		t.Fatal(`README.md has no section "The map"`)
	}
	mapped := make(map[string]bool)
	row := regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(([^)]+)\) \| .`)
	for _, match := range row.FindAllStringSubmatch(table, -1) {
		room, link := match[1], match[2]
		if room != link {
			t.Errorf("README.md: the map's row %s links to %s", room, link)
		}
		if _, err := os.Stat(filepath.Join(root, room)); err != nil {
			t.Errorf("README.md: the map has a row for %s, which does not exist", room)
		}
		mapped[room] = true
	}
	for room := range rooms(t) {
		if !mapped[room] {
			t.Errorf("README.md: the map lacks a row | [%s](%[1]s) | what it does |", room)
		}
	}
}

// rooms are the module's folders that the map must have: those of Go files at the top, and one
// level below billing, cmd and internal.
func rooms(t *testing.T) map[string]bool {
	t.Helper()
	rooms := make(map[string]bool)
	for _, s := range sources(t) {
		parts := strings.Split(path.Dir(s.path), "/")
		switch {
		case slices.Contains([]string{"billing", "cmd", "internal", "scripts"}, parts[0]):
			rooms[path.Join(parts[:min(len(parts), 2)]...)] = true
		default:
			rooms[parts[0]] = true
		}
	}
	return rooms
}

// The top level is fixed (DESIGN.md, section 3): who looks for something begins there.
func TestTheTopLevelStaysAsItIs(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	fixed := strings.Fields("LICENSE README.md billing cmd docker-compose.yml docs go.mod go.sum " +
		"internal ledger scripts")
	for _, e := range entries {
		program := !e.IsDir() && path.Ext(e.Name()) == "" // somebody's go build
		if !program && !slices.Contains(fixed, e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is at the top level: want %v only", e.Name(), fixed)
		}
	}
}
