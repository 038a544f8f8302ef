package ledger

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/internal/services/servicetest"
)

// What a migration adds is looked for at the start.
func TestEveryColumnIsLookedFor(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	s, err := Open(t.Context(), databaseURL, Options{Recorder: "server-a"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // a test's connection
	got := map[string]string{}
	rows, err := conn.Query(t.Context(), `
		SELECT relname, string_agg(attname, ' ' ORDER BY attnum)
		FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
		WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
			AND attnum > 0 AND NOT attisdropped AND relname <> 'ledger_migrations'
		GROUP BY relname`)
	if err != nil {
		t.Fatal(err)
	}
	var table, columns string
	_, err = pgx.ForEachRow(rows, []any{&table, &columns}, func() error {
		got[table] = columns
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range needs() {
		if got[n[0]] != n[2] {
			t.Errorf("%s has the columns %q, and needs says %q", n[0], got[n[0]], n[2])
		}
		delete(got, n[0])
	}
	if len(got) > 0 {
		t.Errorf("needs lacks %v", got)
	}
}
