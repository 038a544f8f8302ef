package stripesim

import (
	"fmt"
	"net/http"
	"strings"
)

// expansion is a tree of the properties to write in full instead of as an id. nil expands nothing.
type expansion map[string]expansion

// maxExpandDepth is Stripe's (https://stripe.com/docs/api/expanding_objects).
const maxExpandDepth = 4

// expandable says which properties of a kind hold ids of other objects, and of which kind: none for
// those that are always null here, and may be expanded all the same.
func expandable(k kind) map[string]kind {
	switch k {
	case kindCustomer:
		return map[string]kind{"invoice_settings.default_payment_method": kindMethod,
			"cash_balance": kindNone, "default_source": kindNone, "test_clock": kindNone}
	case kindMethod:
		return map[string]kind{"customer": kindCustomer}
	case kindIntent:
		return map[string]kind{"customer": kindCustomer, "latest_charge": kindCharge,
			"payment_method": kindMethod, "application": kindNone, "invoice": kindNone,
			"on_behalf_of": kindNone, "review": kindNone}
	case kindCharge:
		return map[string]kind{"customer": kindCustomer, "payment_intent": kindIntent,
			"balance_transaction": kindTransaction, "refunds": kindNone,
			"application": kindNone, "application_fee": kindNone, "invoice": kindNone,
			"failure_balance_transaction": kindNone, "on_behalf_of": kindNone,
			"review": kindNone, "source_transfer": kindNone}
	case kindRefund:
		return map[string]kind{"charge": kindCharge, "payment_intent": kindIntent,
			"balance_transaction": kindTransaction, "source_transfer_reversal": kindNone,
			"transfer_reversal": kindNone}
	case kindTransaction:
		return map[string]kind{"source": kindCharge}
	}
	return nil
}

// expand reads expand[] for an endpoint that answers an object of this kind.
func (p *params) expand(k kind) expansion {
	return p.expandPaths(k, "")
}

// expandList reads expand[] for an endpoint that answers a list, where paths begin with "data".
func (p *params) expandList(k kind) expansion {
	return p.expandPaths(k, "data.")
}

func (p *params) expandPaths(k kind, prefix string) expansion {
	var e expansion
	for _, path := range p.list("expand") {
		rest, ok := strings.CutPrefix(path, prefix)
		switch {
		case strings.Count(path, ".") >= maxExpandDepth:
			p.fail(errInvalidParameter("expand", fmt.Sprintf(
				"You cannot expand more than %d levels of a property. Property: %s",
				maxExpandDepth, path)))
		case !ok || !e.add(k, rest):
			p.fail(&apiError{status: http.StatusBadRequest, typ: typeInvalid, param: "expand",
				message: "This property cannot be expanded (" + path + ")."})
		}
	}
	return e
}

// add adds a path to the tree and says whether there is such a path from this kind.
func (e *expansion) add(k kind, path string) bool {
	for name, next := range expandable(k) { // no name begins with another and a dot
		rest, ok := strings.CutPrefix(path, name)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		if *e == nil {
			*e = make(expansion)
		}
		sub := (*e)[name]
		ok = rest == "" || sub.add(next, rest[1:])
		(*e)[name] = sub
		return ok
	}
	return false
}
