package stripecharge

import (
	"testing"
	"testing/synctest"
)

// Goroutines that wait for another request don't outlive their client by that wait. With many
// requests in flight there are none.
func TestAClosedClientHasNoIdleGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waits := func(p *pace) bool {
			p.run(func() {})
			synctest.Wait()
			select {
			case p.jobs <- func() {}:
				return true
			default:
				return false
			}
		}
		p := newPace(Options{AtOnce: mostSenders})
		if !waits(p) {
			t.Error("no goroutine waits for another request")
		}
		p.close()
		p.close()
		if waits(p) {
			t.Error("a goroutine waits for a request of a closed client")
		}
		if waits(newPace(Options{AtOnce: mostSenders + 1})) {
			t.Error("a goroutine waits beside so many requests in flight")
		}
	})
}
