package services

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// foreign are values for another database, which keep pgx from connecting to ours.
func foreign() map[string]string {
	return map[string]string{
		"PGSERVICE": "theirs", "PGSERVICEFILE": "/nowhere", "PGSSLROOTCERT": "/nowhere.crt",
		"PGSSLMODE": "verify-full", "PGSSLCERT": "/nowhere.crt", "PGSSLKEY": "/nowhere.key",
		"PGTARGETSESSIONATTRS": "standby", "PGOPTIONS": "-c nonsense=1", "PGPASSFILE": "/nowhere",
		"PGHOST": "db.example", "PGPORT": "1", "PGUSER": "them", "PGPASSWORD": "theirs",
		"PGDATABASE": "theirs", "PGCONNECT_TIMEOUT": "nonsense", "PGAPPNAME": "theirs",
		"PGTZ": "Mars/Olympus", "PGMINPROTOCOLVERSION": "9", "PGMAXPROTOCOLVERSION": "1",
		"PGCHANNELBINDING": "require", "PGREQUIREAUTH": "gss", "PGSSLNEGOTIATION": "direct",
		"PGSSLSNI": "x", "PGSSLPASSWORD": "x", "PGSSLCERTMODE": "require",
		"LC_ALL": "nonsense", "LANG": "nonsense", "TZ": "nonsense", "PGDATA": "/nowhere",
		"REDIS_URL": "redis://redis.example", "REDISCLI_AUTH": "x",
		"HTTP_PROXY":  "http://127.0.0.1:1",
		"HTTPS_PROXY": "http://127.0.0.1:1", "LD_PRELOAD": "", "WORKER_MODE": "nonsense",
	}
}

// Not parallel, since the environment is the process's.
func TestNothingInTheShellKeepsOurOwnServersFromStarting(t *testing.T) {
	for variable, value := range foreign() {
		t.Setenv(variable, value)
	}
	ours := start(t, Options{})
	must(t, Ping(t.Context(), ours.DatabaseURL()))
	must(t, Ping(t.Context(), ours.RedisURL()))
	for variable := range postgresVariables() {
		if _, known := foreign()[variable]; !known {
			t.Errorf("%s is not tried", variable)
		}
		if value, left := os.LookupEnv(variable); left {
			t.Errorf("%s is still %q", variable, value)
		}
	}
}

// A server that inherits nothing must reach the database, too.
func TestWhatTheEnvironmentSaysOfADatabaseIsInItsURL(t *testing.T) {
	config, err := pgx.ParseConfig(start(t, Options{SkipRedis: true}).DatabaseURL())
	must(t, err)
	bare := fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", config.User,
		loopback(int(config.Port)), config.Database)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	passwords := file(".pgpass", fmt.Sprintf("127.0.0.1:%d:*:%s:%s\n", config.Port, config.User,
		config.Password))
	services := file("services", fmt.Sprintf(
		"[ours]\npassword=%s\noptions=-c statement_timeout=7s\n", config.Password))
	for name, test := range map[string]struct {
		url  string
		env  map[string]string
		show string // a setting that must be 7 s
	}{
		"a password":      {bare, map[string]string{"PGPASSWORD": config.Password}, ""},
		"a password file": {bare, map[string]string{"PGPASSFILE": passwords}, ""},
		"~/.pgpass":       {bare, map[string]string{"HOME": dir}, ""},
		"a service, by name": {bare + "&servicefile=" + services,
			map[string]string{"PGSERVICE": "ours", "PGOPTIONS": "-c statement_timeout=1s"},
			"statement_timeout"},
		"a service, in the URL": {bare + "&service=ours", map[string]string{
			"PGSERVICEFILE": services}, "statement_timeout"},
		"a port, a user and a database": {"postgres://127.0.0.1?sslmode=disable",
			map[string]string{"PGPORT": fmt.Sprint(config.Port), "PGUSER": config.User,
				"PGDATABASE": config.Database, "PGPASSWORD": config.Password}, ""},
		"options": {bare, map[string]string{"PGPASSWORD": config.Password,
			"PGOPTIONS": "-c statement_timeout=7s -c lock_timeout=1s"}, "statement_timeout"},
		"options of the URL first": {bare + "&options=-c%20lock_timeout%3D7s",
			map[string]string{"PGPASSWORD": config.Password, "PGOPTIONS": "-c lock_timeout=1s"},
			"lock_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			given, err := Start(t.Context(), Options{SkipRedis: true, DatabaseURL: test.url})
			must(t, err)
			defer func() { must(t, given.Close()) }()
			t.Setenv("HOME", "/")
			conn := connect(t, given.DatabaseURL())
			if test.show != "" {
				var value string
				must(t, conn.QueryRow(t.Context(), "SHOW "+test.show).Scan(&value))
				if value != "7s" {
					t.Errorf("%s is %s, want 7s", test.show, value)
				}
			}
		})
	}
}
