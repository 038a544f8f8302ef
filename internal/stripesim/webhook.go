package stripesim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"

	"example.com/triplecharge/internal/stripesim/control"
)

// endpoint is an address that events are sent to. It never changes.
type endpoint struct {
	head
	url         string
	events      []string // their types; "*" is all
	description string
	secret      string
	shown       string // the secret, in the answer to its creation
	metadata    metadata
}

// An event that is not answered with a 2xx is sent again after a minute, then after four times as
// long each time, for three days (https://docs.stripe.com/webhooks#retries).
const (
	firstPause    = 60
	pauseGrows    = 4
	lastPause     = 3 * 24 * 60 * 60
	webhookAnswer = 10 * time.Second // how long an answer may take
	atOnce        = 16               // deliveries
)

// delivery is an event on its way to an endpoint.
type delivery struct {
	*account
	to    *endpoint
	event *event
}

// deliver sends an event to each address that wants it, in the background: in any order, and more
// than once if an answer is lost, or a rule says so.
func (a *account) deliver(e *event) {
	for r := a.endpoints.len(); r > 0; r-- {
		o := a.endpoints.get(r)
		if o.events[0] != "*" && !slices.Contains(o.events, e.typ) {
			continue
		}
		d := delivery{a, o, e}
		go d.send(firstPause)
		for range a.rules.inEffect(d.describe, control.KindRepeat, control.Delivering) {
			go d.send(firstPause)
		}
	}
}

// describe returns the delivery as the control API shows it.
func (d delivery) describe() subject {
	s := subject{Call: control.Call{
		IdempotencyKey: d.event.key, Method: http.MethodPost, Path: d.to.url,
		Operation: d.event.typ, Arrived: d.clock.now(),
	}}
	switch o := d.event.object.(type) {
	case *intent:
		d.account.describe(&s, o.ref, o.metadata)
	case *charge:
		d.account.describe(&s, o.intent, o.metadata)
	}
	return s
}

// send delivers an event once and, if that fails, has it sent again after the pause in seconds, by
// the simulator's clock.
func (d delivery) send(pause int64) {
	if !d.rules.pass(d.describe, control.Delivering) {
		return
	}
	select {
	case d.deliveries <- struct{}{}:
		defer func() { <-d.deliveries }()
	case <-d.ctx.Done():
		return
	}
	err := d.post()
	lost := d.rules.inEffect(d.describe, control.KindLose, control.Delivering)
	if err == nil && len(lost) == 0 || d.ctx.Err() != nil || pause > lastPause {
		return
	}
	d.after(pause, func() *apiError {
		go d.send(pause * pauseGrows)
		return nil
	})
}

// post sends an event, signed by the machine's clock: the receiver compares it with its own.
func (d delivery) post() error {
	w := writer{account: d.account}
	d.event.json(&w)
	signed := time.Now().Unix()
	mac := hmac.New(sha256.New, []byte(d.to.secret))
	fmt.Fprintf(mac, "%d.%s", signed, w.buf)
	ctx, cancel := context.WithTimeout(d.ctx, webhookAnswer)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.to.url, bytes.NewReader(w.buf))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	r.Header.Set("Stripe-Signature",
		fmt.Sprintf("t=%d,v1=%s", signed, hex.EncodeToString(mac.Sum(nil))))
	response, err := d.webhooks.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// newWebhookClient keeps no connections, which would outlive the account, and follows no redirect,
// as Stripe does not.
func newWebhookClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

var endpointBody = newBody[endpoint]("webhook_endpoint", nil)

func (o *endpoint) json(w *writer) { w.fill(endpointBody, o) }
