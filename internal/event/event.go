// Package event is the vocabulary of a due run: what can happen, the fields it carries, and the
// sentence that describes it. Servers log events, the harness adds those that servers can't see,
// and every picture of a run is drawn from events alone.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is one line of a server's log, or something that the harness did or saw outside the
// servers. Fields that an event doesn't carry are zero.
type Event struct {
	Time          time.Time `json:"time"`
	Kind          Kind      `json:"msg"`
	Server        string    `json:"server"`            // "" if it concerns no server in particular
	Invoice       string    `json:"invoice,omitempty"` // <subscription>/<period>
	Key           string    `json:"key,omitempty"`     // the lease's key
	Value         string    `json:"value,omitempty"`   // the value that the key is set to
	TTLMS         int64     `json:"ttl_ms,omitempty"`  // the lease's TTL
	MS            float64   `json:"ms,omitempty"`      // the duration of the call that ended here
	AmountMinor   int64     `json:"amount_minor,omitempty"`
	Currency      string    `json:"currency,omitempty"`
	PaymentIntent string    `json:"payment_intent,omitempty"`
	Token         int64     `json:"token,omitempty"`      // the fencing token
	Generation    int64     `json:"generation,omitempty"` // the claim's generation
	Reason        string    `json:"reason,omitempty"`
	Error         string    `json:"error,omitempty"`
	Address       string    `json:"address,omitempty"` // where the server listens
	At            string    `json:"at,omitempty"`      // the mode's lines at work, as of Here
}

// Parse reads a line that a server wrote with --log-format json. It returns an error for a line
// without a time, a kind and a server. It accepts kinds it doesn't know.
func Parse(line []byte) (Event, error) {
	var e Event
	err := json.Unmarshal(line, &e)
	if err == nil && (e.Time.IsZero() || e.Kind == "" || e.Server == "") {
		err = errors.New("it has no time, kind or server")
	}
	if err != nil {
		return Event{}, fmt.Errorf("not an event: %q: %w", line, err)
	}
	return e, nil
}
