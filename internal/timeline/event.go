// Package timeline turns the events of servers into the picture of a run: first the picture's
// data, which is pure, then its drawing.
package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is one line of a server's output, or something that happened outside the servers. Fields
// that an event doesn't have are zero.
type Event struct {
	Time          time.Time `json:"time"`
	Name          string    `json:"msg"`
	Server        string    `json:"server"`
	Invoice       string    `json:"invoice,omitempty"` // <subscription>/<period>
	Key           string    `json:"key,omitempty"`     // of a lease
	Value         string    `json:"value,omitempty"`   // likewise: what it is set to
	TTLMS         int64     `json:"ttl_ms,omitempty"`  // likewise
	MS            float64   `json:"ms,omitempty"`      // how long that which it ends took
	AmountMinor   int64     `json:"amount_minor,omitempty"`
	Currency      string    `json:"currency,omitempty"`
	PaymentIntent string    `json:"payment_intent,omitempty"`
	Token         int64     `json:"token,omitempty"`      // a fencing token
	Generation    int64     `json:"generation,omitempty"` // of a claim
	Reason        string    `json:"reason,omitempty"`
	Error         string    `json:"error,omitempty"`
	Address       string    `json:"address,omitempty"` // where the server listens
}

// What happens outside the servers, and they can't tell of themselves. What happens to no server in
// particular has none, and what is about no invoice in particular has no invoice.
const (
	ServerPaused   = "server.paused"   // its process is stopped, as by a long garbage collection
	ServerResumed  = "server.resumed"  // and goes on
	ServerKilled   = "server.killed"   // its process is ended at once
	ServerStarted  = "server.started"  // again, after that
	StripeCharged  = "stripe.charged"  // money was taken for a server's request; MS since it began
	StripeAdvanced = "stripe.advanced" // a long time passes at Stripe: Reason says how long
	CardReplaced   = "card.replaced"   // the customer has another card
	LeaseExpired   = "lease.expired"   // the lease's key is seen to be gone
	ClaimExpired   = "claim.expired"   // the claim is seen to be free to take over
	RedisDown      = "redis.down"      // nodes are dead: Reason says how many
	RedisRestarted = "redis.restarted" // nodes are back, empty: Reason says how many
	RedisReplaced  = "redis.replaced"  // another node, without the key, has taken its place
	LinkCut        = "link.cut"        // the server can't reach what Reason says
	LinkHealed     = "link.healed"     // it can again
)

// Parse reads a line that a server wrote with --log-format json. What has no time, name and server
// is no event.
func Parse(line []byte) (Event, error) {
	var e Event
	err := json.Unmarshal(line, &e)
	if err == nil && (e.Time.IsZero() || e.Name == "" || e.Server == "") {
		err = errors.New("it has no time, name or server")
	}
	if err != nil {
		return Event{}, fmt.Errorf("not an event: %q: %w", line, err)
	}
	return e, nil
}
