package stripesim

import (
	"encoding/json"
	"strings"
)

func (e *event) json(w *writer, _ expansion) {
	w.id("id", kindEvent, e.ref)
	w.text("object", "event")
	w.text("api_version", APIVersion)
	w.number("created", e.created)
	w.object("data", func() {
		w.key("object")
		w.value(e.object, nil)
		if u, ok := e.object.(update); ok {
			w.key("previous_attributes")
			b, _ := json.MarshalIndent(u.previous, strings.Repeat("  ", w.depth), "  ")
			w.buf = append(w.buf, b...)
		}
	})
	w.flag("livemode", false)
	w.number("pending_webhooks", 0)
	w.object("request", func() {
		w.textOrNull("id", w.account.ids.id(kindRequest, e.request))
		w.textOrNull("idempotency_key", e.key)
	})
	w.text("type", e.typ)
}
