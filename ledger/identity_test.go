package ledger_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestALedgerKeepsItsID(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	first := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"}).ID()
	second := openAt(t, databaseURL, ledger.Options{Recorder: "server-b"}).ID()
	other := open(t).ID()
	if !strings.HasPrefix(first, "led_") || len(first) != 20 || second != first || other == first {
		t.Errorf("got %q, %q again, and %q of another ledger", first, second, other)
	}
}

func TestALedgerThatHasNoIDYetGetsOne(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	before := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"}).ID()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, statement := range []string{ // as it was made by the first two migrations
		`DROP TABLE ledger_identity, due_runs, reconcile_first, places`,
		`DROP INDEX entries_reversal`,
		`ALTER TABLE subscriptions DROP added`,
		`DELETE FROM ledger_migrations WHERE version_id > 2`,
		`ALTER TABLE claims DROP intent_customer, DROP intent_amount_minor, DROP intent_currency`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	if s.ID() == "" || s.ID() == before {
		t.Errorf("got the ID %q, want a new one", s.ID())
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO ledger_identity DEFAULT VALUES`); err == nil {
		t.Error("a ledger can have two IDs")
	}
}
