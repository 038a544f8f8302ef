package load_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/load"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/worker"
)

// workerArg, as the first argument, makes this test binary a billing server.
const workerArg = "worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArg {
		os.Exit(worker.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	servicetest.Main(m)
}

// Everybody on a machine can read every command line, but only the owner can read the environment.
// A server inherits none of the variables that a person has exported, which could change the run.
func TestServersShowNoSecretsAndInheritNothing(t *testing.T) {
	t.Setenv("WORKER_DUNNING_LIMIT", "17")
	database, err := url.Parse(servicetest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, given := database.User.Password(); !given { // such a Postgres lets everybody in
		database.User = url.UserPassword(database.User.Username(), "hunter2")
	}
	password, _ := database.User.Password()
	svc, err := services.Start(t.Context(), services.Options{
		DatabaseURL: database.String(), RedisURL: servicetest.Redis(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"locked", "redlock"} {
		most := 0
		result, err := load.Options{
			Services: svc, Worker: []string{self, workerArg}, Mode: mode, Servers: 3,
			Subscriptions: 20, At: time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC),
			Progress: func(int) { most = max(most, lookAtServers(t, password)) },
		}.Run(t.Context())
		if err != nil || !result.Exact() {
			t.Fatalf("%s: %+v, %v", mode, result, err)
		}
		if most != 3 {
			t.Errorf("%s: saw %d servers, want 3", mode, most)
		}
	}
}

var anyURL = regexp.MustCompile(`\w+://\S+`)

// lookAtServers looks at the command line and the environment of each server that is running, and
// returns their number.
func lookAtServers(t *testing.T, password string) (servers int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Skip("no /proc on this system")
	}
	for _, path := range lines {
		dir := filepath.Dir(path)
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		if !strings.Contains(string(status), "\nPPid:\t"+strconv.Itoa(os.Getpid())+"\n") {
			continue
		}
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "\x00--mode\x00") {
			continue // it has ended, or is not a server
		}
		servers++
		if found := anyURL.Find(line); found != nil || strings.Contains(string(line), password) {
			t.Errorf("%s has a URL or a password: %q", path, line)
		}
		environment, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(environment), password) ||
			strings.Contains(string(environment), "DUNNING") {
			t.Errorf("%s: want the password and nothing of this test's own environment", dir)
		}
	}
	return servers
}
