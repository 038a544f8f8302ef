package layout_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module = "example.com/triplecharge"
	root   = "../.."
)

// mayImport is the import table: for each package of ours, the packages of ours that it may import
// outside its tests. A package without a row fails the test; so think about its place, and add one.
func mayImport() map[string][]string {
	// Commands wire things together: they may import all that isn't for tests only.
	wires := []string{
		"billing", "billing/redislock", "billing/stripecharge", "ledger",
		"internal/explore", "internal/fault", "internal/load", "internal/reconcile",
		"internal/reconcile/command", "internal/scenario",
		"internal/server", "internal/services", "internal/stripesim", "internal/stripesim/control",
		"internal/timeline", "internal/verdicts", "internal/walkthrough", "internal/web", "docs",
	}
	return map[string][]string{
		// The lesson, and the adapters of its ports, which don't know each other. What they share
		// knows no domain.
		"billing":              {},
		"billing/redislock":    {"billing", "internal/group"},
		"billing/stripecharge": {"billing"},
		"ledger":               {"billing", "internal/group"},
		"internal/group":       {},

		// The words of the show, which are pure.
		"internal/timeline": {"billing"},
		"internal/verdicts": {"billing"},
		"internal/explore":  {"billing", "internal/timeline", "internal/verdicts"},

		// The chapters, and what reads them.
		"docs":                 {},
		"internal/walkthrough": {},

		// What stands in for the world, and knows nothing of us.
		"internal/services":          {},
		"internal/stripesim":         {"internal/stripesim/control"},
		"internal/stripesim/control": {},
		"internal/fault":             {"internal/services", "internal/stripesim/control"},

		// What wires.
		"internal/server": {"billing", "billing/redislock", "billing/stripecharge", "ledger"},
		"internal/reconcile": {
			"billing", "billing/stripecharge", "internal/timeline", "ledger",
		},
		"internal/reconcile/command": {
			"billing", "billing/stripecharge", "internal/reconcile", "ledger",
		},
		"internal/scenario": {
			"billing", "billing/stripecharge", "internal/fault", "internal/reconcile",
			"internal/services", "internal/stripesim", "internal/stripesim/control",
			"internal/timeline", "internal/verdicts", "ledger",
		},
		"internal/load": {
			"billing", "billing/redislock", "billing/stripecharge", "internal/services",
			"internal/stripesim", "internal/stripesim/control", "internal/timeline", "ledger",
		},
		"internal/web": {
			"billing", "internal/reconcile", "internal/scenario", "internal/timeline",
			"internal/verdicts",
		},
		"cmd/audit":     wires,
		"cmd/demo":      wires,
		"cmd/reconcile": wires,
		"cmd/stripesim": wires,
		"cmd/worker":    wires,

		// For tests only.
		"billing/locktest":              {"billing"},
		"internal/billingtest":          {"billing"},
		"internal/layout":               {},
		"internal/services/dockertest":  {"internal/services"},
		"internal/services/servicetest": {"internal/services", "internal/services/dockertest"},
	}
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// ours reports whether an import path is one of this module's.
func ours(importPath string) bool { return strings.HasPrefix(importPath, module+"/") }

func TestPackagesImportWhatTheTableSays(t *testing.T) {
	t.Parallel()
	table := mayImport()
	for _, p := range goList(t, "./...") {
		allowed, ok := table[p.name()]
		if !ok {
			t.Errorf("%s has no row in the import table: add one to mayImport", p.name())
			continue
		}
		for _, path := range p.Imports {
			name := strings.TrimPrefix(path, module+"/")
			if ours(path) && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s, which its row in the import table doesn't allow",
					p.name(), name)
			}
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
	list := []string{"list", "-json=ImportPath,Standard,Imports"}
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
