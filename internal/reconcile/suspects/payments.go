// Package suspects finds payments that look like one payment taken more than once, in any Stripe
// account, whatever made them. It reads what Stripe exports, needs no key and changes nothing.
package suspects

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/money"
)

// Payment is money that Stripe took.
type Payment struct {
	ID            string    `json:"id"` // ch_… or pi_…
	Intent        string    `json:"payment_intent,omitempty"`
	Created       time.Time `json:"created"`
	AmountMinor   int64     `json:"amount_minor"`   // what was captured
	RefundedMinor int64     `json:"refunded_minor"` // of that
	Currency      string    `json:"currency"`
	Customer      string    `json:"customer,omitempty"` // cus_…, else the e-mail address
	Description   string    `json:"description,omitempty"`
	Descriptor    string    `json:"statement_descriptor,omitempty"`
	Key           string    `json:"idempotency_key,omitempty"` // only events have it
	Disputed      bool      `json:"disputed,omitempty"`
	// Unclear: it was captured in part, and the rest may or may not be in RefundedMinor.
	Unclear  bool              `json:"unclear,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// name is what a payment is refunded by.
func (p Payment) name() string { return cmp.Or(p.Intent, p.ID) }

// Each calls do for each payment. Of what took no money, it calls skip with the status.
type Each func(do func(Payment), skip func(status string)) error

// paid are the statuses, in lower case, of payments that took money, in both of Stripe's formats.
const paid = " paid succeeded refunded partially_refunded partial_refund disputed "

// CSV reads the Dashboard's export of payments.
func CSV(r io.Reader) Each {
	return func(do func(Payment), skip func(string)) error {
		return table(r, []string{"id", "amount", "currency", "status"},
			func(c columns, row []string) error { return c.each(row, do, skip) })
	}
}

// longest is longer than any payment of Stripe's, and bounds the memory that one takes.
const longest = 1 << 20

// table reads a CSV file that has these columns, as Stripe wrote it or as a spreadsheet saved it.
func table(r io.Reader, want []string, each func(c columns, row []string) error) error {
	one := &limited{r, longest}
	rows := cli.Sheet(one)
	rows.ReuseRecord, rows.LazyQuotes = true, true
	names, err := rows.Read()
	if err != nil {
		return fmt.Errorf("read the names of the columns: %w", err)
	}
	c := columns{}
	for i, name := range names {
		c[strings.ToLower(strings.Trim(name, " \ufeff"))] = i
	}
	for _, name := range want {
		if _, ok := c[name]; !ok {
			return fmt.Errorf("no column %q: is this the right file?", name)
		}
	}
	for {
		one.left = longest
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(c, row); err != nil {
			line, _ := rows.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// limited fails once more is read than is left.
type limited struct {
	io.Reader
	left int
}

func (l *limited) Read(p []byte) (n int, err error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a payment is longer than %d bytes: is this the right file?", longest)
	}
	n, err = l.Reader.Read(p)
	l.left -= n
	return n, err
}

// columns has the places of the columns by name, in lower case.
type columns map[string]int

func (c columns) get(row []string, names ...string) string {
	for _, name := range names {
		if i, ok := c[name]; ok && i < len(row) && row[i] != "" {
			return strings.TrimSpace(row[i])
		}
	}
	return ""
}

func (c columns) each(row []string, do func(Payment), skip func(string)) (err error) {
	status := strings.ReplaceAll(strings.ToLower(c.get(row, "status")), " ", "_")
	captured := strings.ToLower(c.get(row, "captured"))
	if !strings.Contains(paid, " "+status+" ") || captured == "false" {
		skip(status)
		return nil
	}
	p := Payment{
		ID: c.get(row, "id"), Intent: c.get(row, "paymentintent id", "payment intent id"),
		Currency:    strings.ToLower(c.get(row, "currency")),
		Customer:    c.get(row, "customer id", "customer email"),
		Description: c.get(row, "description"), Descriptor: c.get(row, "statement descriptor"),
		Metadata: map[string]string{},
	}
	if p.AmountMinor, err = money.Parse(c.get(row, "amount"), p.Currency); err != nil {
		return err
	}
	if back := c.get(row, "amount refunded"); back != "" {
		if p.RefundedMinor, err = money.Parse(back, p.Currency); err != nil {
			return err
		}
	}
	disputed := strings.Trim(c.get(row, "disputed amount"), "0.,")
	p.Disputed = status == "disputed" || disputed != "" || c.get(row, "dispute status") != ""
	if p.Created, err = parseTime(c.get(row, "created date (utc)", "created (utc)")); err != nil {
		return err
	}
	for name, i := range c {
		if key, ok := strings.CutSuffix(name, " (metadata)"); ok && i < len(row) && row[i] != "" {
			p.Metadata[key] = strings.Clone(row[i])
		}
	}
	do(p)
	return nil
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("created %q: want a time such as 2026-12-01 00:00:00", s)
}

// object is a charge or a PaymentIntent, an event of one, or a list of them, as in Stripe's API.
type object struct {
	Object     string          `json:"object"`
	Data       json.RawMessage `json:"data"` // of a list: objects; of an event: {"object": …}
	Request    json.RawMessage `json:"request"`
	Descriptor string          `json:"calculated_statement_descriptor"`
	Refunds    struct {
		Data []struct {
			Amount int64
			Status string
		}
	} `json:"refunds"`
	ID             string          `json:"id"`
	Amount         int64           `json:"amount"`
	Captured       *int64          `json:"amount_captured"` // of a charge
	Received       *int64          `json:"amount_received"` // of a PaymentIntent
	Refunded       int64           `json:"amount_refunded"`
	Currency       string          `json:"currency"`
	Created        int64           `json:"created"`
	Customer       json.RawMessage `json:"customer"` // an ID, or an object if it is expanded
	Intent         json.RawMessage `json:"payment_intent"`
	LatestCharge   json.RawMessage `json:"latest_charge"`
	Description    string          `json:"description"`
	Disputed       bool            `json:"disputed"`
	Status         string          `json:"status"`
	Metadata       map[string]string
	BillingDetails struct{ Email string } `json:"billing_details"`
}

// JSON reads lists of charges, PaymentIntents or events as the Stripe CLI prints them, one after
// another. It has one payment in memory at a time, however long a list is.
func JSON(r io.Reader) Each {
	return func(do func(Payment), skip func(string)) error {
		in := &limited{r, longest}
		l := lists{json.NewDecoder(in), in, func(o object) error {
			key := o.ofEvent()
			if o.Object != "charge" && o.Object != "payment_intent" {
				return fmt.Errorf("%q is neither a charge nor a PaymentIntent", o.Object)
			}
			o.each(key, do, skip)
			return nil
		}}
		for {
			begin := l.InputOffset()
			whole, err := l.value()
			switch {
			case errors.Is(err, io.EOF) && begin > 0 && begin == l.InputOffset():
				return nil
			case errors.Is(err, io.EOF):
				err = io.ErrUnexpectedEOF // half a list, or nothing
			case err == nil && whole != nil:
				var o object
				if err = json.Unmarshal(whole, &o); err == nil {
					err = l.each(o)
				}
			}
			if err != nil {
				return fmt.Errorf("read what Stripe printed: %w", err)
			}
		}
	}
}

// lists reads lists of objects.
type lists struct {
	*json.Decoder
	*limited
	each func(object) error
}

// value returns a value that is no list. Of a list, which is an array or has one as its "data", it
// calls each for the elements.
func (l lists) value() (whole json.RawMessage, err error) {
	l.left = longest
	switch open, err := l.Token(); {
	case err != nil:
		return nil, err
	case open == json.Delim('['):
		return nil, l.elements()
	case open != json.Delim('{'):
		return nil, fmt.Errorf("%v is no list of payments", open)
	}
	fields, list := map[string]json.RawMessage{}, false
	for l.More() {
		key, _ := l.Token() // an error is Decode's, too
		var field json.RawMessage
		if key == "data" { // of an event it is an object
			field, err = l.value()
			list = field == nil
		} else {
			err = l.Decode(&field)
		}
		if err != nil {
			return nil, err
		}
		fields[fmt.Sprint(key)] = field
	}
	if _, err = l.Token(); err != nil || list {
		return nil, err
	}
	return json.Marshal(fields)
}

func (l lists) elements() error {
	for l.More() {
		var o object
		l.left = longest
		if err := l.Decode(&o); err != nil {
			return err
		}
		if err := l.each(o); err != nil {
			return err
		}
	}
	_, err := l.Token()
	return err
}

// ofEvent replaces an event by its object, and returns the request's idempotency key.
func (o *object) ofEvent() (key string) {
	if o.Object != "event" {
		return ""
	}
	var request struct {
		Key string `json:"idempotency_key"`
	}
	var data struct{ Object object }
	_ = json.Unmarshal(o.Request, &request) // an older event has only its ID here
	_ = json.Unmarshal(o.Data, &data)       // else it has no object
	*o = data.Object
	return request.Key
}

func (o object) each(key string, do func(Payment), skip func(string)) {
	p := Payment{
		ID: o.ID, Intent: idOf(o.Intent), Created: time.Unix(o.Created, 0).UTC(),
		RefundedMinor: o.Refunded, Currency: o.Currency, Customer: idOf(o.Customer),
		Description: o.Description, Descriptor: o.Descriptor, Key: key, Disputed: o.Disputed,
		Metadata: maps.Clone(o.Metadata),
	}
	refunds := o.Refunds
	switch {
	case o.Object == "payment_intent":
		var charge object
		if json.Unmarshal(o.LatestCharge, &charge) == nil { // it is expanded
			p.RefundedMinor, p.Disputed = charge.Refunded, charge.Disputed
			p.Descriptor, refunds = charge.Descriptor, charge.Refunds
		}
		p.Intent = o.ID
		if o.Received != nil {
			p.AmountMinor = *o.Received
		}
	case o.Captured != nil:
		p.AmountMinor = *o.Captured
	default:
		p.AmountMinor = o.Amount
	}
	// What was authorized and not captured counts as refunded in older versions of the API. Only
	// the refunds, if they are expanded, tell what is what.
	unexplained := p.RefundedMinor
	for _, r := range refunds.Data {
		if r.Status == "succeeded" || r.Status == "pending" {
			unexplained -= r.Amount
		}
	}
	if released := o.Amount - p.AmountMinor; released > 0 && unexplained >= released {
		p.Unclear = unexplained > released && p.RefundedMinor <= p.AmountMinor
		p.RefundedMinor -= released
	}
	if p.Customer == "" {
		p.Customer = o.BillingDetails.Email
	}
	if o.Status != "succeeded" || p.AmountMinor == 0 {
		skip(o.Status)
		return
	}
	do(p)
}

// idOf returns the ID in a field that has it, or an object that has it.
func idOf(field json.RawMessage) string {
	var id string
	var whole struct{ ID string }
	if json.Unmarshal(field, &id) == nil {
		return id
	}
	_ = json.Unmarshal(field, &whole) // else it has none
	return whole.ID
}
