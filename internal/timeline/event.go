// Package timeline turns the events of servers into the picture of a run: first the picture's
// data, which is pure, then its drawing.
package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is one line of a server's output. Fields that an event doesn't have are zero.
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
	Reason        string    `json:"reason,omitempty"`
	Error         string    `json:"error,omitempty"`
	Address       string    `json:"address,omitempty"` // where the server listens
}

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
