package services

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestRunsOnOneDatabaseDoNotMeet(t *testing.T) {
	t.Parallel()
	given := start(t, Options{SkipRedis: true}).DatabaseURL()
	exec1(t, given, "CREATE TABLE entries AS SELECT 'theirs' AS whose")
	config, err := pgx.ParseConfig(given)
	must(t, err)
	keywords := fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=%s",
		config.Host, config.Port, config.User, config.Password, config.Database)
	var runs []*Services
	for _, database := range []string{given, keywords} {
		s, err := Start(t.Context(), Options{SkipRedis: true, DatabaseURL: database})
		must(t, err)
		runs = append(runs, s)
		exec1(t, s.DatabaseURL(), "CREATE TABLE entries AS SELECT 'ours' AS whose")
	}
	if runs[0].DatabaseURL() == runs[1].DatabaseURL() {
		t.Error("both runs have the same URL")
	}
	if err := runs[0].Postgres().Kill(t.Context()); err != ErrGiven {
		t.Errorf("killing the database that was given: %v, want %v", err, ErrGiven)
	}
	for _, s := range runs {
		must(t, s.Close())
	}
	conn := connect(t, given)
	var schemas int
	must(t, conn.QueryRow(t.Context(),
		"SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'run\\_%'").Scan(&schemas))
	if schemas != 0 {
		t.Errorf("%d schemas are left", schemas)
	}
	var whose string
	must(t, conn.QueryRow(t.Context(), "SELECT whose FROM entries").Scan(&whose))
	if whose != "theirs" {
		t.Errorf("the table that was there is %s now", whose)
	}
}

func TestTheSchemaIsAddedToEachFormOfURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://h/d":                 "postgres://h/d?search_path=s",
		"postgresql://h/d?sslmode=allow": "postgresql://h/d?sslmode=allow&search_path=s",
		"postgres://h/d?search_path=old": "postgres://h/d?search_path=old&search_path=s",
		"host=h dbname=d":                "host=h dbname=d search_path=s",

		"postgres://h/d?options=-c%20a%3Db": "postgres://h/d?options=-c%20a%3Db&search_path=s",
	} {
		if got, err := withSearchPath(given, "s"); err != nil || got != want {
			t.Errorf("%s becomes %s (%v), want %s", given, got, err, want)
		}
	}
}

func TestEveryDriverOpensThePortableURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://h/d":                           "postgres://h/d",
		"postgres://h/d?search_path=s":             "postgres://h/d?options=-csearch_path%3Ds",
		"postgres://h/d?search_path=s&x=y":         "postgres://h/d?x=y&options=-csearch_path%3Ds",
		"postgres://h?options=-ca%3D&x=y":          "postgres://h?options=-ca%3D&x=y",
		"postgres://h?options=a&search_path=s":     "postgres://h?options=a%20-csearch_path%3Ds",
		"postgres://h?search_path=a&search_path=b": "postgres://h?options=-csearch_path%3Db",
	} {
		if got := Portable(given); got != want {
			t.Errorf("%s becomes %s, want %s", given, got, want)
		}
	}
	database, err := start(t, Options{SkipRedis: true}).NewDatabase(t.Context())
	must(t, err)
	exec1(t, database, "CREATE TABLE entries AS SELECT 'ours' AS whose")
	exec1(t, Portable(database), "SELECT whose FROM entries")
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("no psql")
	}
	out, err := exec.CommandContext(t.Context(), psql, Portable(database), "-Atc",
		"SELECT whose FROM entries").CombinedOutput()
	if err != nil || string(out) != "ours\n" {
		t.Errorf("psql says %s, %v", out, err)
	}
}

func TestADatabaseCanBeDroppedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := start(t, Options{SkipRedis: true})
	given, err := Start(t.Context(), Options{SkipRedis: true, DatabaseURL: s.DatabaseURL()})
	must(t, err)
	for _, of := range []*Services{s, given} {
		for range 2 {
			database, err := of.NewDatabase(t.Context())
			must(t, err)
			exec1(t, database, "CREATE TABLE entries AS SELECT 1 AS id")
			must(t, of.DropDatabase(t.Context(), database))
			must(t, of.DropDatabase(t.Context(), database)) // a second time it is gone
		}
		must(t, of.DropDatabase(t.Context(), of.DatabaseURL())) // which NewDatabase didn't make
		exec1(t, of.DatabaseURL(), "CREATE TABLE still_there AS SELECT 1 AS id")
	}
	must(t, given.Close())
	var schemas int
	must(t, connect(t, s.DatabaseURL()).QueryRow(t.Context(),
		"SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'run\\_%'").Scan(&schemas))
	if schemas != 0 {
		t.Errorf("%d schemas are left", schemas)
	}
}
