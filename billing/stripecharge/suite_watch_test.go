package stripecharge_test

import (
	"testing"

	"example.com/triplecharge/billing"
)

// watch counts the attempts of requests whose lease is valid for some of them, and then lost.
type watch struct {
	valid       int // how many attempts Valid agrees to
	asked, sent int // how often Valid was asked and Sending called
}

// request returns a request that is watched.
func (w *watch) request(t *testing.T, inv billing.Invoice, key string) billing.Request {
	return billing.Request{
		Invoice: inv, Key: key,
		Valid: func() error {
			if w.asked++; w.asked > w.valid {
				return billing.ErrLeaseLost
			}
			return nil
		},
		Sending: func() {
			if w.sent++; w.sent != w.asked {
				t.Errorf("Sending was called %d times after %d calls of Valid", w.sent, w.asked)
			}
		},
	}
}

// want wants one call of Sending for each attempt that Valid agreed to, and none of either after
// Valid has refused.
func (w *watch) want(t *testing.T) {
	t.Helper()
	if w.asked == 0 || w.asked > w.valid+1 || w.sent != min(w.asked, w.valid) {
		t.Errorf("Valid was asked %d times and Sending called %d times; Valid agrees to %d",
			w.asked, w.sent, w.valid)
	}
}
