package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestRecordOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	p := newProxy(t, servicetest.Database(t))
	s := openAt(t, p.URL(), ledger.Options{Recorder: "server-a"})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	p.cutAll()
	mustRecord(t, s, charge("pi_2", "alice", 1000))
}

func TestRecordOnceAlsoIfTheReplyIsLost(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	p := newProxy(t, databaseURL)
	direct := openAt(t, databaseURL, ledger.Options{Recorder: "test"})
	s := openAt(t, p.URL(), ledger.Options{Recorder: "server-a", MaxConns: 1})
	// The first call prepares the statement, so the second one's only reply is the insert's.
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	lost := func() {
		if n := charges(t, direct, billingtest.Invoice("alice")); n != 2 {
			t.Errorf("got %d charges when the reply was lost, want 2", n)
		}
	}
	p.onReply.Store(&lost)
	mustRecord(t, s, charge("pi_2", "alice", 1000))
	if p.onReply.Load() != nil {
		t.Error("no reply was lost")
	}
	if n := charges(t, direct, billingtest.Invoice("alice")); n != 2 {
		t.Errorf("got %d charges, want 2", n)
	}
}

func TestRecordOutlivesAConnectionThatHangs(t *testing.T) {
	t.Parallel()
	p := newProxy(t, servicetest.Database(t))
	s := openAt(t, p.URL(), ledger.Options{Recorder: "server-a", Timeout: 6 * time.Second})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	p.stallAll()
	mustRecord(t, s, charge("pi_2", "alice", 1000))
	p.cutAll() // otherwise closing the pool takes 15 s
}

func TestRecordEndsThoughItsContextDoesNot(t *testing.T) {
	t.Parallel()
	p := newProxy(t, servicetest.Database(t))
	// Opening has the same limit, and takes a second on a busy machine.
	s := openAt(t, p.URL(), ledger.Options{Recorder: "server-a", Timeout: 5 * time.Second})
	_ = p.Close()
	err := s.Record(context.Background(), charge("pi_1", "alice", 1000))
	if !errors.Is(err, billing.ErrUnavailable) {
		t.Errorf("got %v, want billing.ErrUnavailable", err)
	}
}

func TestACallerThatGivesUpIsNoOutage(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := open(t).Record(ctx, charge("pi_1", "alice", 1000))
	if err == nil || errors.Is(err, billing.ErrUnavailable) {
		t.Errorf("got %v, want an error other than billing.ErrUnavailable", err)
	}
}

// "No rows" is an answer, which a retry would not change.
func TestNoRowsIsNotRetried(t *testing.T) {
	t.Parallel()
	claim := billing.Claim{Invoice: billingtest.Invoice("alice"), Generation: 1}
	claims := open(t).Claims(ledger.ClaimOptions{Lease: time.Minute})
	_, err := claims.Register(t.Context(), claim, intent("pi_1"))
	if err == nil || errors.Is(err, billing.ErrUnavailable) {
		t.Errorf("registered a PaymentIntent for a claim that isn't there: %v", err)
	}
}
