package stripesim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The events that are reported (https://stripe.com/docs/api/events/types).
const (
	eventCustomerCreated   = "customer.created"
	eventCustomerUpdated   = "customer.updated"
	eventCustomerDeleted   = "customer.deleted"
	eventMethodAttached    = "payment_method.attached"
	eventMethodUpdated     = "payment_method.updated"
	eventMethodDetached    = "payment_method.detached"
	eventIntentCreated     = "payment_intent.created"
	eventIntentSucceeded   = "payment_intent.succeeded"
	eventIntentFailed      = "payment_intent.payment_failed"
	eventIntentNeedsAction = "payment_intent.requires_action"
	eventIntentCapturable  = "payment_intent.amount_capturable_updated"
	eventIntentCanceled    = "payment_intent.canceled"
	eventChargeSucceeded   = "charge.succeeded"
	eventChargeFailed      = "charge.failed"
	eventChargeCaptured    = "charge.captured"
	eventChargeUpdated     = "charge.updated"
	eventChargeRefunded    = "charge.refunded"
	eventRefundCreated     = "refund.created"
	eventRefundUpdated     = "refund.updated"
)

// event says that an object changed, and to what. It never changes itself.
type event struct {
	ref     ref
	created int64
	typ     string
	object  any // the snapshot
	request ref
	key     string
}

func (e event) createdAt() int64 { return e.created }

// emit reports what a request did. The order of events is the order of the changes of each object.
func (a *account) emit(c *call, typ string, object any) {
	a.events.add(a.clock.unix(), func(r ref, created int64) *event {
		return &event{ref: r, created: created, typ: typ, object: object,
			request: c.request, key: c.key}
	})
}

func retrieveEvent(c *call) (any, *apiError) {
	c.params.expand(kindEvent)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	id := c.http.PathValue("id")
	_, found := find(c.account, &c.account.events, kindEvent, id)
	if found == nil {
		return nil, errNoSuch(kindEvent, id, "id", http.StatusNotFound)
	}
	return found, nil
}

// maxEventTypes is Stripe's limit on the list of types to filter by.
const maxEventTypes = 20

func listEvents(c *call) (any, *apiError) {
	a, p := c.account, c.params
	q := readListQuery(c, kindEvent)
	typ, types := p.text("type"), p.list("types")
	p.flag("delivery_success")
	switch {
	case typ != "" && len(types) > 0:
		p.fail(errInvalid("parameters_exclusive", "types",
			"You may only specify one of these parameters: type, types."))
	case len(types) > maxEventTypes:
		p.fail(errInvalidParameter("types", fmt.Sprintf(
			"You may filter by at most %d types.", maxEventTypes)))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	return q.page(c, everything(a.events.len()), a.events.created, func(r ref) bool {
		e := a.events.get(r)
		return (typ == "" || matchesType(typ, e.typ)) &&
			(len(types) == 0 || slices.Contains(types, e.typ))
	})
}

// matchesType compares with a pattern, in which a star at the end stands for anything.
func matchesType(pattern, typ string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(typ, prefix)
	}
	return pattern == typ
}

func (w *writer) event(e *event) {
	w.id("id", kindEvent, e.ref)
	w.text("object", "event")
	w.text("api_version", apiVersion)
	w.number("created", e.created)
	w.object("data", func() {
		w.key("object")
		w.value(e.object, nil)
	})
	w.flag("livemode", false)
	w.number("pending_webhooks", 0)
	w.object("request", func() {
		w.id("id", kindRequest, e.request)
		w.textOrNull("idempotency_key", e.key)
	})
	w.text("type", e.typ)
}
