package ledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// Each is one clear error at the start, which says what to do. What it says to GRANT is granted,
// and then the server starts.
func TestADatabaseThatIsUnfitIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	const (
		reads   = `GRANT SELECT ON ledger_migrations TO ROLE;`
		all     = `GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA LEDGER TO ROLE;`
		another = "schema of its own"
		newer   = `INSERT INTO ledger_migrations (version_id, is_applied) VALUES (99, true)`
		older   = `DROP TABLE claims, fences, ledger_identity, due_runs, reconcile_first, places;
			ALTER TABLE subscriptions DROP added; DROP INDEX entries_reversal;
			DELETE FROM ledger_migrations WHERE version_id > 1;`
	)
	for name, c := range map[string]unfitCase{
		"may not create":         {"", `GRANT USAGE ON SCHEMA LEDGER TO ROLE`, "may not bring"},
		"may not even look":      {"", ``, "GRANT USAGE"},
		"old, and may not alter": {migrated, older + all, "owner of its tables"},
		"newer":                  {migrated, all + newer, "newer program"},
		"its version is secret": {migrated, all + `REVOKE SELECT ON ledger_migrations FROM ROLE`,
			"ledger_migrations"},
		"may not record": {migrated, all + `REVOKE INSERT ON entries FROM ROLE`, "GRANT INSERT ON"},
		"may not claim":  {migrated, all + `REVOKE UPDATE ON claims FROM ROLE`, "GRANT UPDATE ON"},
		"may not list": {migrated, all + `REVOKE SELECT ON subscriptions FROM ROLE`,
			"GRANT SELECT ON"},
		"may do nothing but look":  {migrated, reads, "GRANT"},
		"a column is missing":      {migrated, all + `ALTER TABLE fences DROP token`, "token"},
		"a table is missing":       {migrated, all + `DROP TABLE fences`, "fences"},
		"a table of the same name": {"", `CREATE TABLE subscriptions (id int)`, another},
		"a view of the same name":  {"", `CREATE VIEW claims AS SELECT 1`, another},
		"an index of the same": {"", `CREATE TABLE t (id int);
			CREATE INDEX entries_charge ON t (id)`, another},
		"a function of the same": {"", `CREATE FUNCTION refuse_entry_change() RETURNS int
			LANGUAGE sql AS 'SELECT 1'`, another},
		"other migrations": {"", `CREATE TABLE ledger_migrations (name text)`, another},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusedUntilGranted(t, c)
		})
	}
}

const migrated = "a ledger"

type unfitCase struct{ begin, sql, want string }

func refusedUntilGranted(t *testing.T, c unfitCase) {
	t.Helper()
	databaseURL := servicetest.Database(t)
	o := ledger.Options{Recorder: "server-a"}
	if c.begin == migrated {
		openAt(t, databaseURL, o)
	}
	admin := connect(t, databaseURL)
	role := "role_" + strings.ToLower(rand.Text())
	var schema string
	err := admin.QueryRow(t.Context(), `SELECT current_schema()`).Scan(&schema)
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, admin, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() {
		ctx := context.Background()
		_, _ = admin.Exec(ctx, `DROP OWNED BY `+role+`; DROP ROLE `+role)
	})
	grants := strings.Contains(c.sql, "ROLE") || c.sql == ""
	sql := strings.NewReplacer("ROLE", role, "LEDGER", schema).Replace(c.sql)
	if c.begin == migrated {
		sql = `GRANT USAGE ON SCHEMA ` + schema + ` TO ` + role + `;` + sql
	}
	if !grants {
		sql += `; GRANT ALL ON SCHEMA ` + schema + ` TO ` + role
	}
	mustExec(t, admin, sql)
	mine := mustParse(t, databaseURL)
	mine.User = userOf(role)
	_, err = ledger.Open(t.Context(), mine.String(), o)
	if err == nil || !strings.Contains(err.Error(), c.want) ||
		strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v, want one line with %q", err, c.want)
	}
	if c.begin == "" && leftBehind(t, admin) != strings.Contains(c.sql, "ledger_mig") {
		t.Error("it left its own table behind")
	}
	for range 10 { // a table's rights each
		grant := advised.FindString(fmt.Sprint(err))
		if grant == "" || strings.Contains(c.want, "owner") {
			return
		}
		mustExec(t, admin, strings.Replace(grant, "this user", role, 1))
		s, again := ledger.Open(t.Context(), mine.String(), o)
		if again == nil {
			s.Close()
			return
		}
		err = again
	}
	t.Errorf("after all that was advised: %v", err)
}

var advised = regexp.MustCompile(`GRANT [A-Z, ]+ON (SCHEMA )?[\w.]+ TO \w+`)

func leftBehind(t *testing.T, admin *pgx.Conn) (left bool) {
	t.Helper()
	const query = `SELECT to_regclass('ledger_migrations') IS NOT NULL`
	err := admin.QueryRow(t.Context(), query).Scan(&left)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// sayings are what Open has said.
type sayings struct {
	mu    sync.Mutex
	all   []string
	first chan struct{} // closed when it said something
}

func (s *sayings) say(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		close(s.first)
	}
	s.all = append(s.all, what)
}

func (s *sayings) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.all, "\n")
}

// A lock on the ledger stops a migration, and nothing else: not a server whose tables are current.
func TestALockOfOthersIsWaitedForAloudAndWithinBounds(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"of another migration": `SELECT pg_advisory_xact_lock(
			hashtext('triplecharge/ledger'), hashtext(current_schema()))`,
		"of another session, as before": `SELECT pg_advisory_lock(
			hashtext('triplecharge/ledger'), hashtext(current_schema()))`,
		"on a table": `LOCK TABLE ledger_migrations`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := servicetest.Database(t)
			s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
			mustRecord(t, s, charge("pi_1", "alice", 1000))
			holder := connect(t, databaseURL+"&application_name=left-alone")
			if name != "on a table" {
				mustExec(t, holder, `BEGIN; `+lock)
				openAt(t, databaseURL, ledger.Options{Recorder: "server-b"})
				mustExec(t, holder, `ROLLBACK; SELECT pg_advisory_unlock_all()`)
			}
			mustExec(t, holder, `
				DROP TABLE claims, fences, ledger_identity, due_runs, reconcile_first, places;
			ALTER TABLE subscriptions DROP added; DROP INDEX entries_reversal;
				DELETE FROM ledger_migrations WHERE version_id > 1`)
			mustExec(t, holder, `BEGIN; `+lock)

			said := &sayings{first: make(chan struct{})}
			o := ledger.Options{Recorder: "server-c", Timeout: 2 * time.Second, Say: said.say}
			_, err := ledger.Open(t.Context(), databaseURL, o)
			if err == nil || !strings.Contains(err.Error(), "left-alone") {
				t.Errorf("got %v, want one that names the holder", err)
			}
			if !strings.Contains(said.String(), "left-alone") {
				t.Errorf("it said %q while it waited", said)
			}

			said = &sayings{first: make(chan struct{})}
			o.Say, o.Timeout = said.say, 20*time.Second
			opened := make(chan error, 1)
			go func() {
				s, err := ledger.Open(t.Context(), databaseURL, o)
				if err == nil {
					s.Close()
				}
				opened <- err
			}()
			select {
			case <-said.first:
			case err := <-opened:
				t.Fatalf("it opened without a word: %v", err)
			}
			mustExec(t, holder, `ROLLBACK; SELECT pg_advisory_unlock_all()`)
			if err := <-opened; err != nil {
				t.Errorf("after the lock was released: %v", err)
			}
		})
	}
}

func TestOpenWaitsForPostgresAloud(t *testing.T) {
	t.Parallel()
	postgres := servicetest.OwnPostgres(t)
	if err := postgres.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := &sayings{first: make(chan struct{})}
	go func() {
		<-said.first
		if err := postgres.Start(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	openAt(t, postgres.URL(),
		ledger.Options{Recorder: "server-a", Timeout: time.Minute, Say: said.say})
	if !strings.Contains(said.String(), "tried again") {
		t.Errorf("it said %q", said)
	}
}

func TestAReadOnlyDatabaseIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	postgres := servicetest.OwnPostgres(t)
	makeReadOnly(t, postgres.URL())
	said := &sayings{first: make(chan struct{})}
	_, err := ledger.Open(t.Context(), postgres.URL(),
		ledger.Options{Recorder: "server-a", Timeout: 2 * time.Second, Say: said.say})
	if err == nil || !strings.Contains(err.Error(), "primary") || said.String() == "" {
		t.Errorf("got %v, and it said %q", err, said)
	}
}

func TestWhatOnlyReadsChangesNothing(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	o := ledger.Options{Recorder: "reconcile", ReadOnly: true}
	for _, o := range []ledger.Options{o, {Recorder: "reconcile", Existing: true}} {
		if _, err := ledger.Open(t.Context(), databaseURL, o); !errors.Is(err, ledger.ErrNoLedger) {
			t.Errorf("got %v, want ErrNoLedger", err)
		}
	}
	admin := connect(t, databaseURL)
	if leftBehind(t, admin) {
		t.Error("it made a table")
	}
	mustRecord(t, openAt(t, databaseURL, ledger.Options{Recorder: "server-a"}),
		charge("pi_1", "alice", 1000))
	o.Timeout = 2 * time.Second
	reader := openAt(t, databaseURL, o)
	if n := charges(t, reader, charge("", "alice", 0).Invoice); n != 1 {
		t.Errorf("it reads %d charges, want 1", n)
	}
	if err := reader.Record(t.Context(), charge("pi_2", "alice", 1000)); err == nil {
		t.Error("it recorded a charge")
	}
	mustExec(t, admin, `DELETE FROM ledger_migrations WHERE version_id > 1`)
	if _, err := ledger.Open(t.Context(), databaseURL, o); !errors.Is(err, ledger.ErrOlder) {
		t.Errorf("got %v, want ErrOlder", err)
	}
}

func TestAnOlderLedgerIsBroughtUpToDateWithoutMakingOne(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	admin := connect(t, databaseURL)
	mustExec(t, admin, `DROP INDEX entries_reversal; DROP TABLE reconcile_first, places`)
	mustExec(t, admin, `DELETE FROM ledger_migrations WHERE version_id > 5`)
	openAt(t, databaseURL, ledger.Options{Recorder: "reconcile", Existing: true})
	mustExec(t, admin, `DROP INDEX entries_reversal`) // it is there again
}
