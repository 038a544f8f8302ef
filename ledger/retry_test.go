package ledger_test

import (
	"context"
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
	s := openAt(t, p.url, ledger.Options{Recorder: "server-a"})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	p.each((*link).cut)
	mustRecord(t, s, charge("pi_2", "alice", 1000))
}

func TestRecordOnceAlsoIfTheReplyIsLost(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	p := newProxy(t, databaseURL)
	direct := openAt(t, databaseURL, ledger.Options{Recorder: "test"})
	s := openAt(t, p.url, ledger.Options{Recorder: "server-a", MaxConns: 1})
	// The first call prepares the statement; of the second, the only reply is that of the insert.
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
	s := openAt(t, p.url, ledger.Options{Recorder: "server-a", Timeout: 6 * time.Second})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	p.each(func(l *link) { l.stalled.Store(true) })
	mustRecord(t, s, charge("pi_2", "alice", 1000))
	p.each((*link).cut) // or closing the pool would say goodbye to them for 15 s
}

func TestRecordEndsThoughItsContextDoesNot(t *testing.T) {
	t.Parallel()
	p := newProxy(t, servicetest.Database(t))
	s := openAt(t, p.url, ledger.Options{Recorder: "server-a", Timeout: 300 * time.Millisecond})
	p.close()
	if err := s.Record(context.Background(), charge("pi_1", "alice", 1000)); err == nil {
		t.Error("want an error")
	}
}

// No row is an answer: to ask again would bring it again.
func TestNoRowIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	claim := billing.Claim{Invoice: billingtest.Invoice("alice"), Generation: 1}
	claims := open(t).Claims(ledger.ClaimOptions{Lease: time.Minute})
	if _, err := claims.Register(t.Context(), claim, "pi_1"); err == nil {
		t.Error("registered a PaymentIntent for a claim that isn't there")
	}
}
