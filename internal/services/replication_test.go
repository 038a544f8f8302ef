package services

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestAStandbyTakesOverWithAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{SkipPostgres: true, SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	primary, standby, err := s.StartReplicated(t.Context())
	if errors.Is(err, ErrNeedsPostgres) {
		t.Skip(err)
	}
	if err == nil {
		err = Synchronize(t.Context(), primary)
	}
	if err == nil {
		err = execute(t.Context(), primary, `CREATE TABLE kept (id int)`)
	}
	if err != nil {
		t.Fatal(err)
	}
	if execute(t.Context(), standby, `INSERT INTO kept VALUES (1)`) == nil {
		t.Error("the standby can be written to")
	}
	for _, step := range []error{
		Fence(t.Context(), primary), Promote(t.Context(), standby),
		execute(t.Context(), standby, `INSERT INTO kept VALUES (1)`),
	} {
		if step != nil {
			t.Error(step)
		}
	}
	if execute(t.Context(), primary, `INSERT INTO kept VALUES (1)`) == nil {
		t.Error("the old primary can be written to")
	}
}

// Any standby may be promoted, also one that was not told of the last commits.
func TestADetachedStandbyForgetsWhatCameAfter(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 2 { // the second start copies what the first has made
		began := time.Now()
		primary, standby, err := s.StartReplicated(t.Context())
		if errors.Is(err, ErrNeedsPostgres) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("started in %v", time.Since(began))
		for _, step := range []func() error{
			func() error { return execute(t.Context(), primary, `CREATE TABLE kept (id int)`) },
			func() error { return Detach(t.Context(), primary, standby) },
			func() error { return execute(t.Context(), primary, `INSERT INTO kept VALUES (1)`) },
			func() error { return primary.Kill(t.Context()) },
			func() error { return Promote(t.Context(), standby) },
			// It fails if the row is there.
			func() error {
				return execute(t.Context(), standby, `ALTER TABLE kept ADD one int NOT NULL`)
			},
			func() error { return s.Discard(t.Context(), standby) },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func execute(ctx context.Context, server Server, statement string) error {
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // a test's connection
	_, err = conn.Exec(ctx, statement)
	return err
}
