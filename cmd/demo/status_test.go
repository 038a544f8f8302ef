package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// One kind of mistake has one exit status in all four commands, as the README's table says. What is
// refused starts nothing, and is said in one line that names it.
func TestOneKindOfMistakeHasOneExitStatus(t *testing.T) {
	t.Parallel()
	stripesim := filepath.Join(t.TempDir(), "stripesim")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", stripesim, "../stripesim")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	const all, ledger, key = "demo worker reconcile stripesim", "demo worker reconcile",
		"STRIPE_SECRET_KEY="
	listen := "--listen=" + taken.Addr().String()
	const at = "--database-url=" + gone
	const option, pool = at + "?sslmode=x", at + "?pool_max_conns=x"
	for name, tt := range map[string]struct {
		status int
		for_   string // the commands
		give   string // a flag, which replaces that of the same name, or a variable
		said   string
	}{
		"help":                    {0, all, "--help", "Usage: "},
		"version":                 {0, all, "--version", " "},
		"an unknown flag":         {2, all, "--nonsense", "--nonsense"},
		"an unknown argument":     {2, all, "nonsense", "nonsense"},
		"an empty database URL":   {2, ledger, "--database-url=", "--database-url"},
		"another kind of URL":     {2, ledger, "--database-url=mysql://h/x", "--database-url"},
		"a bad option in a URL":   {2, ledger, option, "sslmode"},
		"a bad pool in a URL":     {2, ledger, pool, "pool"},
		"a bad variable of libpq": {2, ledger, "PGSSLMODE=nonsense", "sslmode"},
		"a missing service":       {2, ledger, "PGSERVICE=nonsense", "service"},
		"no database of Redis":    {2, "demo worker", "--redis-url=redis://h/x", "--redis-url"},
		"a live key":              {2, ledger, key + "sk_live_x", "live"},
		"no key":                  {2, ledger, key + "nonsense", "sk_test_"},
		"a secret without a file": {2, ledger, "STRIPE_SECRET_KEY_FILE=/nonsense", "/nonsense"},
		"no address":              {2, "serve worker stripesim", "--listen=nonsense", "--listen"},
		"no port":                 {2, "serve worker stripesim", "--listen=:99999", "--listen"},
		"an address in use":       {1, "serve stripesim", listen, "in use"},
		"a database that is gone": {1, ledger, at, "127.0.0.1:1"},
	} {
		for _, command := range strings.Fields(tt.for_) {
			t.Run(name+": "+command, func(t *testing.T) {
				t.Parallel()
				status, out := exitStatus(t, mistaken(stripesim)[command], tt.give)
				if status != tt.status || !strings.Contains(out, tt.said) {
					t.Errorf("exit status %d, %s, want %d and %q", status, out, tt.status, tt.said)
				}
			})
		}
	}
}

// gone is where no Postgres is.
const gone = "postgres://u@127.0.0.1:1/x"

// mistaken are command lines that need but one mistake, or what they ask for is away.
func mistaken(stripesim string) map[string][]string {
	return map[string][]string{
		"demo":  {os.Args[0], "show", "--mode=locked", "--database-url=" + gone},
		"serve": {os.Args[0], "serve", "--database-url=" + gone},
		"worker": {os.Args[0], workerArg, "--name=a", "--mode=locked", "--at=2026-12-01T00:00:00Z",
			"--force-at", "--database-url=" + gone, "--redis-url=redis://127.0.0.1:1",
			"--stripe-url=http://127.0.0.1:1"},
		"reconcile": {os.Args[0], reconcileArg, "--period=2026-12", "--database-url=" + gone,
			"--stripe-url=http://127.0.0.1:1"},
		"stripesim": {stripesim, "--admin=127.0.0.1:0"},
	}
}

// exitStatus runs a command with a flag, which replaces that of the same name, or with a variable.
func exitStatus(t *testing.T, args []string, give string) (int, string) {
	t.Helper()
	env, name := append(os.Environ(), "WORKER_TOKEN=x"), strings.SplitN(give, "=", 2)[0]
	if strings.Contains(give, "=") && !strings.HasPrefix(give, "-") {
		env = append(env, give)
	} else {
		args = append(slices.DeleteFunc(args, func(arg string) bool {
			return strings.HasPrefix(arg, name+"=")
		}), give)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env, cmd.WaitDelay = env, time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// Without a subcommand, the flags are those of the default one.
func TestTheHelpHasTheFlagsOfTheDefault(t *testing.T) {
	t.Parallel()
	_, out, _ := demo(t, "--help")
	for _, flag := range []string{"--subscriptions=FILE.csv", "--keep", "--lock-ttl=5s"} {
		if !strings.Contains(out, flag) {
			t.Errorf("the help lacks %s: %s", flag, out)
		}
	}
}
