package stripecharge

import (
	"testing"
	"testing/synctest"
)

// Goroutines that wait for another request don't outlive their client by that wait.
func TestAClosedClientHasNoIdleGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(Options{})
		waits := func() bool {
			synctest.Wait()
			select {
			case p.jobs <- func() {}:
				return true
			default:
				return false
			}
		}
		p.run(func() {})
		if !waits() {
			t.Error("no goroutine waits for another request")
		}
		p.close()
		p.close()
		if p.run(func() {}); waits() {
			t.Error("a goroutine waits for a request of a closed client")
		}
	})
}
