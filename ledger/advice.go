package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// needs returns the tables with the columns and the rights without which a server would fail in the
// middle of a due run, perhaps after a charge. A test compares the columns with the migrations.
func needs() [][3]string {
	return [][3]string{
		{"ledger_identity", "SELECT", "only_row id"},
		{"subscriptions", "SELECT", "id customer payment_method amount_minor currency added"},
		{"entries", "SELECT INSERT", "id kind subscription period payment_intent refund " +
			"amount_minor currency recorded_by recorded_at"},
		{"claims", "SELECT INSERT UPDATE", "subscription period generation owner lease_until " +
			"payment_intent declines next_attempt declined_card " +
			"intent_customer intent_amount_minor intent_currency"},
		{"due_runs", "SELECT INSERT UPDATE", "period begun due"},
		{"reconcile_first", "SELECT INSERT UPDATE", "period done"},
		{"places", "SELECT INSERT", "place"},
		{"fences", "SELECT INSERT UPDATE", "subscription period token"},
	}
}

// check returns an error that names the columns and rights that are missing.
func (at place) check(ctx context.Context, tx pgx.Tx, readOnly bool) error {
	const query = `
		SELECT (SELECT coalesce(string_agg(column_name, ', '), '')
				FROM unnest(string_to_array($1, ' ')) AS column_name
				WHERE NOT EXISTS (
					SELECT FROM pg_attribute WHERE attrelid = to_regclass($3)
						AND attname = column_name AND NOT attisdropped)),
			(SELECT coalesce(string_agg(privilege, ', '), '')
				FROM unnest(string_to_array($2, ' ')) AS privilege
				WHERE NOT has_table_privilege(to_regclass($3), privilege))`
	for _, n := range needs() {
		table, rights := n[0], n[1]
		if readOnly {
			rights = "SELECT"
		}
		var columns, missing string
		err := tx.QueryRow(ctx, query, n[2], rights, table).Scan(&columns, &missing)
		switch {
		case err != nil:
			return err
		case columns != "":
			return unfit{fmt.Errorf("table %s in schema %s lacks what version %d has: %s: "+
				"restore it as it was", table, at.schema, at.version, columns)}
		case missing != "":
			return unfit{fmt.Errorf("user %s lacks rights on the ledger: let its owner "+
				"GRANT %s ON %s.%s TO %[1]s", at.user, missing, at.schema, table)}
		}
	}
	return nil
}

// explain says what an error in the preparation means: who holds the lock, or what to do.
func (at place) explain(ctx context.Context, conn *pgx.Conn, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case "55P03": // lock not available
		if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
			return err
		}
		return fmt.Errorf("a lock is needed on the ledger in schema %s, and %s: %w",
			at.schema, holder(ctx, conn, at.schema), err)
	case "42P07", "42710", "42723", "42701", "42703": // exists already, or has other columns
		return fmt.Errorf("schema %s has things of the same names that are not the ledger's; give "+
			"the ledger a schema of its own: CREATE SCHEMA ledger, and add search_path=ledger to "+
			"the database URL: %w", at.schema, err)
	case "42501": // insufficient privilege
		if strings.Contains(pg.Message, "ledger_migrations") {
			return fmt.Errorf("user %s lacks a right on the ledger: let its owner "+
				"GRANT SELECT ON %s.ledger_migrations TO %s: %w", at.user, at.schema, at.user, err)
		}
		return fmt.Errorf("user %s may not bring the ledger in schema %s from version %d to %d: "+
			"let the owner of its tables start a server once, or, if there are none yet, "+
			"GRANT CREATE, USAGE ON SCHEMA %s TO %s%s: %w", at.user, at.schema, at.version,
			latestVersion(), at.schema, at.user, at.others(), err)
	}
	return err
}

// holder says which session holds a lock on the ledger's tables, or is migrating them.
func holder(ctx context.Context, conn *pgx.Conn, schema string) string {
	const query = `
		SELECT format('%s (process %s of Postgres%s, %s for %s s) holds the lock',
			coalesce(nullif(application_name, ''), 'a session of user ' || usename), pid,
			', from ' || client_addr, state,
			extract(epoch FROM clock_timestamp() - xact_start)::int)
		FROM pg_stat_activity JOIN pg_locks USING (pid)
		WHERE granted AND pid <> pg_backend_pid() AND (
			locktype = 'advisory' AND classid = hashtext('triplecharge/ledger')::oid
				AND objid = (
					SELECT hashtext(nspname)::oid FROM pg_namespace
					WHERE oid = to_regnamespace($1)) OR
			relation IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace($1)))
		ORDER BY xact_start LIMIT 1`
	var who string
	if conn.QueryRow(ctx, query, schema).Scan(&who) != nil {
		return "another session holds the lock"
	}
	return who
}

// advice returns what to do about an error in opening the ledger, or "".
func advice(err error) string {
	var (
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		code    string
	)
	if errors.As(err, &pg) {
		code = pg.Code
	}
	switch {
	case errors.Is(err, errNoSchema):
		return ": create it (CREATE SCHEMA …), GRANT USAGE on it, or correct search_path"
	case code == "28P01" || code == "28000":
		return ": check the user and the password in the database URL"
	case code == "3D000":
		return ": create the database first (CREATE DATABASE …), or correct the URL"
	case code == "08P01" && strings.Contains(pg.Message, "startup parameter"):
		return ": the pooler takes no such parameter: leave it out of the database URL, and " +
			"ALTER ROLE … SET it, or name it in PgBouncer's ignore_startup_parameters"
	case strings.Contains(err.Error(), "read only connection"):
		return ": it is a standby, or default_transaction_read_only is on: connect to the primary"
	case errors.As(err, &connect):
		return ": check that Postgres runs there and can be reached from here"
	}
	return ""
}
