package stripesim

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// event reports a change of an object. It never changes itself.
type event struct {
	head
	typ     string
	object  view // the snapshot
	request ref
	key     string
}

// emit reports what a request did as an event of this type
// (https://docs.stripe.com/api/events/types). Events of one object are in the order of its changes.
// A nil call is Stripe itself.
func (a *account) emit(c *call, typ string, object view) {
	next := event{typ: typ, object: object}
	if c != nil {
		next.request, next.key = c.request, c.key
	}
	a.deliver(a.events.add(a.clock.unix(), &next, nil))
}

// update is a changed object, with the old values of what was changed.
type update struct {
	view
	previous map[string]any
}

// emitUpdate reports a change of an object, unless nothing changed.
func (a *account) emitUpdate(c *call, typ string, before, now view) {
	var old, new map[string]any
	for into, o := range map[*map[string]any]view{&old: before, &new: now} {
		w := writer{account: a}
		o.json(&w)
		_ = json.Unmarshal(w.buf, into) // it is JSON that was just written
	}
	if previous := differences(old, new); len(previous) > 0 {
		a.emit(c, typ, update{now, previous})
	}
}

// differences returns the old values of what differs, within objects, too; null for what was not
// there.
func differences(old, now map[string]any) map[string]any {
	found, all := make(map[string]any), maps.Clone(old)
	maps.Copy(all, now)
	for name := range all {
		was, value := old[name], now[name]
		within, isObject := was.(map[string]any)
		changed, isStill := value.(map[string]any)
		switch {
		case reflect.DeepEqual(was, value):
		case isObject && isStill:
			found[name] = differences(within, changed)
		default:
			found[name] = was
		}
	}
	return found
}

// matchesPattern compares a text with a pattern: "" matches anything, as does a star at the end.
func matchesPattern(pattern, text string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(text, prefix)
	}
	return pattern == "" || pattern == text
}

var eventBody = newBody("event", functions[event]{
	"object": func(w *writer, e *event) {
		w.value(e.object, nil)
		if u, ok := e.object.(update); ok {
			w.depth--
			w.text(",\n  \"previous_attributes\": ")
			b, _ := json.MarshalIndent(u.previous, "", "  ")
			w.depth++
			w.text(string(b))
		}
	},
	"version": func(w *writer, _ *event) { w.quote(APIVersion) },
	"requestID": func(w *writer, e *event) {
		w.quoteOrNull(w.account.ids.id(kindRequest, e.request))
	},
})

func (e *event) json(w *writer) { w.fill(eventBody, e) }
