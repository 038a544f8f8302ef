package archtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module = "example.com/triplecharge"
	root   = "../.."
)

// mayImport is the import table: for each package of ours, the packages of ours that it imports
// outside its tests, no more and no fewer. Arrows run down; whoever adds one thinks about its
// place.
func mayImport() map[string][]string {
	return map[string][]string{
		// The lesson, and the adapters of its ports, which don't know each other. What they share
		// knows no domain.
		"billing":              {},
		"billing/redislock":    {"billing", "internal/batch"},
		"billing/stripecharge": {"billing"},
		"ledger":               {"billing", "internal/batch"},
		"internal/batch":       {},

		// The words of the show, which are pure.
		"internal/event":    {"billing", "internal/money"},
		"internal/money":    {},
		"internal/timeline": {"billing", "internal/event", "internal/money", "internal/screen"},
		"internal/faults":   {"billing", "internal/verdict"},
		"internal/explore": {
			"billing", "internal/event", "internal/faults", "internal/money", "internal/verdict",
		},
		"internal/verdict": {},
		"internal/report":  {"internal/faults", "internal/screen", "internal/verdict"},
		"docs":             {}, "internal/screen": {}, // the chapters; lines for a terminal
		"internal/walkthrough": {"internal/report", "internal/screen"},

		// What stands in for the world, and knows nothing of us.
		"internal/services":          {},
		"internal/stripesim":         {"internal/money", "internal/stripesim/control"},
		"internal/stripesim/control": {},
		"internal/proxy":             {},
		"internal/fleet": {
			"billing", "internal/event", "internal/services", "internal/stripesim",
			"internal/stripesim/control",
		},

		// What wires.
		"internal/worker": {
			"billing", "billing/redislock", "billing/stripecharge", "internal/cli",
			"internal/event", "ledger",
		},
		"internal/reconcile": {
			"billing", "billing/stripecharge", "internal/money", "internal/report",
			"internal/verdict", "ledger",
		},
		"internal/reconcile/command": {
			"billing", "billing/stripecharge", "internal/cli", "internal/money",
			"internal/reconcile", "internal/reconcile/suspects", "internal/report", "ledger",
		},
		"internal/reconcile/suspects": {"internal/cli", "internal/money", "internal/report"},
		"internal/scenario": {
			"billing", "billing/redislock", "billing/stripecharge", "internal/event",
			"internal/faults", "internal/fleet", "internal/money", "internal/proxy",
			"internal/reconcile", "internal/services", "internal/stripesim",
			"internal/stripesim/control", "internal/timeline", "internal/verdict", "ledger",
		},
		"internal/trial": {
			"internal/event", "internal/faults", "internal/fleet", "internal/money",
			"internal/proxy", "internal/report", "internal/screen", "internal/services",
			"internal/stripesim", "internal/stripesim/control", "internal/timeline",
			"internal/verdict",
		},
		"internal/load": {
			"billing", "billing/redislock", "billing/stripecharge", "internal/event",
			"internal/fleet", "internal/reconcile", "internal/services", "internal/stripesim",
			"internal/verdict", "ledger",
		},
	}
}

// pagesMayImport is the same table for what people see in a browser.
func pagesMayImport() map[string][]string {
	return map[string][]string{
		"internal/web": {
			"billing", "docs", "internal/event", "internal/faults", "internal/money",
			"internal/reconcile", "internal/timeline", "internal/verdict",
		},
		"internal/site": {
			"billing", "internal/faults", "internal/report", "internal/site/player",
			"internal/web",
		},
		"internal/site/player": {
			"billing", "internal/explore", "internal/faults", "internal/money",
			"internal/timeline", "internal/verdict",
		},
	}
}

// commandsMayImport is the same table for the commands.
func commandsMayImport() map[string][]string {
	return map[string][]string{
		"internal/cli": {"internal/screen"},
		"cmd/demo": {
			"billing", "billing/stripecharge", "docs", "internal/cli", "internal/event",
			"internal/explore",
			"internal/faults", "internal/load", "internal/money", "internal/reconcile",
			"internal/reconcile/command", "internal/report", "internal/scenario",
			"internal/screen", "internal/services", "internal/site", "internal/site/player",
			"internal/stripesim", "internal/timeline", "internal/trial", "internal/verdict",
			"internal/walkthrough", "internal/web", "internal/worker", "ledger",
		},
		"cmd/reconcile": {"internal/reconcile/command"},
		"cmd/stripesim": {"internal/cli", "internal/stripesim"},
		"cmd/worker":    {"internal/worker"},
	}
}

// helpersMayImport is the same table for the packages that only tests use, ours or others'.
func helpersMayImport() map[string][]string {
	return map[string][]string{
		"billing/locktest":   {"billing"},
		"billing/stripetest": {"internal/stripesim", "internal/stripesim/control"},
		"scripts/faulttest": {
			"billing", "internal/cli", "internal/event", "internal/faults", "internal/scenario",
			"internal/services", "internal/worker", "ledger",
		},
		"internal/billingtest":          {"billing"},
		"internal/archtest":             {},
		"internal/cli/clitest":          {"internal/cli", "internal/golden", "internal/screen"},
		"internal/golden":               {"internal/screen"},
		"internal/services/dockertest":  {"internal/services"},
		"internal/services/servicetest": {"internal/services", "internal/services/dockertest"},
	}
}

// listed has the fields of `go list -json` that the rules need.
type listed struct {
	ImportPath string
	Doc        string // the first sentence of the package comment
	Standard   bool
	Imports    []string
}

func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestPackagesImportWhatTheTableSays(t *testing.T) {
	t.Parallel()
	table := mayImport()
	maps.Copy(table, pagesMayImport())
	maps.Copy(table, commandsMayImport())
	maps.Copy(table, helpersMayImport())
	for _, p := range goList(t, "./...") {
		row, ok := table[p.name()]
		if !ok {
			t.Errorf("%s has no row in the import table: add one to mayImport", p.name())
		}
		delete(table, p.name())
		imports := map[string]bool{}
		for _, path := range p.Imports {
			if name, ours := strings.CutPrefix(path, module+"/"); ours {
				imports[name] = true
			}
		}
		for _, name := range row {
			if !imports[name] {
				t.Errorf("%s no longer imports %s: take it out of its row", p.name(), name)
			}
			delete(imports, name)
		}
		for name := range imports {
			t.Errorf("%s imports %s, which its row in the import table doesn't allow", p.name(),
				name)
		}
	}
	for name := range table {
		t.Errorf("the import table has a row for %s, and there is no such package", name)
	}
}

// A room is a folder with its subfolders. Go refuses circles of packages; this refuses circles of
// rooms, in which an arrow of the table would run up.
func TestArrowsBetweenRoomsRunDown(t *testing.T) {
	t.Parallel()
	arrows := map[string]map[string]bool{}
	for _, p := range goList(t, "./...") {
		from := roomOf(p.name())
		if arrows[from] == nil {
			arrows[from] = map[string]bool{}
		}
		for _, path := range p.Imports {
			if name, ours := strings.CutPrefix(path, module+"/"); ours && roomOf(name) != from {
				arrows[from][roomOf(name)] = true
			}
		}
	}
	for grounded := true; grounded; { // take away the rooms that nothing left is under
		grounded = false
		for room, under := range arrows {
			maps.DeleteFunc(under, func(name string, _ bool) bool { return arrows[name] == nil })
			if len(under) == 0 {
				delete(arrows, room)
				grounded = true
			}
		}
	}
	for room, under := range arrows {
		t.Errorf("%s is in a circle of rooms, or above one, by its imports of %v", room,
			slices.Sorted(maps.Keys(under)))
	}
}

func roomOf(name string) string {
	parts := strings.Split(name, "/")
	if parts[0] != "internal" {
		return parts[0]
	}
	return strings.Join(parts[:2], "/")
}

func TestPackagesHaveAComment(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		if p.Doc == "" {
			t.Errorf("%s has no package comment: say in a sentence what it is for", p.name())
		}
	}
}

func TestBillingImportsTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "-deps", "./billing") {
		if !p.Standard && p.name() != "billing" {
			t.Errorf("billing depends on %s", p.ImportPath)
		}
	}
}

// Those who have Docker have compose; and a test helper in a command is a mistake.
func TestCommandsLinkNeitherDockerNorTests(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "-deps", "./cmd/...") {
		for _, unwanted := range []string{
			"github.com/docker/", "github.com/moby/", "github.com/ory/dockertest/", "testing/",
		} {
			if strings.HasPrefix(p.ImportPath+"/", unwanted) {
				t.Errorf("a command links %s: see `go mod why %[1]s`", p.ImportPath)
			}
		}
	}
}

func goList(t *testing.T, args ...string) (packages []listed) {
	t.Helper()
	list := []string{"list", "-json=ImportPath,Doc,Standard,Imports"}
	cmd := exec.Command("go", append(list, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
