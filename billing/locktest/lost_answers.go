package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

func ambiguousObtain(t testing.TB, f Fixture) {
	if f.LoseAnswers == nil {
		t.Skip("the fixture can't lose answers")
	}
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	f.LoseAnswers("server-a", 1)
	lease, err := a.Obtain(context.Background(), key)
	if errors.Is(err, billing.ErrHeld) {
		t.Fatalf("the server's own obtain, whose answer was lost, locks it out")
	} else if err != nil {
		lease = obtain(t, a, key)
	}
	wantValid(t, lease, "after the second attempt obtained it")
	refuse(t, b)
	release(t, lease)
	if f.Held(key) {
		t.Errorf("the key is still there after the release")
	}
}

func lateRetry(t testing.TB, f Fixture) {
	if f.LoseAnswers == nil || f.DelayAnswers == nil {
		t.Skip("the fixture can't lose and delay answers")
	}
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	f.LoseAnswers("server-a", 1)
	f.DelayAnswers("server-a", f.TTL/4)
	result := make(chan error)
	go func() {
		_, err := a.Obtain(context.Background(), key)
		result <- err
	}()
	for start := time.Now(); !f.Held(key) && time.Since(start) < f.TTL/4; {
		<-time.After(f.TTL / 1000)
	}
	f.Expire(key)
	next, err := b.Obtain(context.Background(), key)
	if late := <-result; late == nil && err == nil {
		t.Errorf("the retry got another server's lease")
	}
	if err != nil {
		t.Fatalf("obtain: %v", err)
	}
	wantValid(t, next, "after another server's retry")
	refuse(t, b)
}

func abandonedObtain(t testing.TB, f Fixture) {
	if f.LoseAnswers == nil {
		t.Skip("the fixture can't lose answers")
	}
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	const all = 1 << 20
	f.LoseAnswers("server-a", all)
	switch _, err := a.Obtain(context.Background(), key); {
	case err == nil:
		t.Fatalf("a lease was obtained though no answer came")
	case errors.Is(err, billing.ErrHeld):
		t.Fatalf("no answer came, and the server reports ErrHeld")
	}
	if f.Held(key) {
		t.Errorf("an obtain without an answer left its key")
	}
	f.LoseAnswers("server-a", 0)
	release(t, obtain(t, a, key))
	obtain(t, b, key)
}
