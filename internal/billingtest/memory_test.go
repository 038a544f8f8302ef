package billingtest_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestMemoryLocker(t *testing.T) {
	var locker billingtest.MemoryLocker
	first, err := locker.Obtain(t.Context(), "alice")
	if err != nil || first.Valid() != nil {
		t.Fatal("want a valid lease")
	}
	if _, err := locker.Obtain(t.Context(), "alice"); err != billing.ErrHeld {
		t.Errorf("while held: got %v", err)
	}
	if err := first.Release(t.Context()); err != nil || first.Valid() == nil {
		t.Errorf("released: got %v, valid: %t", err, first.Valid() == nil)
	}
	second, err := locker.Obtain(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil || second.Valid() != nil {
		t.Errorf("a second release: got %v, the next holder's lease: %v", err, second.Valid())
	}
}
