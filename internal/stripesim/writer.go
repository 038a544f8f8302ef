package stripesim

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writer writes JSON as Stripe prints it, with two spaces a level. It is written by hand because
// the simulator spends most of its time here: encoding/json with indentation costs ten times as
// much.
type writer struct {
	account *account
	request ref // the one being answered, for an error
	buf     []byte
	depth   int
	first   bool // nothing is written on this level yet
}

// view is anything that can be answered: a snapshot of an object, a page of them, or an error.
type view interface {
	// json writes the properties. The snapshot alone decides what is written, unless other objects
	// are expanded: a saved reply is written again for each replay and must come out the same.
	json(w *writer, e expansion)
}

// value writes a view as a JSON object.
func (w *writer) value(v view, e expansion) {
	w.begin('{')
	v.json(w, e)
	w.end('}')
}

func (w *writer) line() {
	if !w.first {
		w.buf = append(w.buf, ',')
	}
	w.first = false
	w.newline()
}

func (w *writer) newline() {
	w.buf = append(w.buf, '\n')
	for range w.depth {
		w.buf = append(w.buf, "  "...)
	}
}

func (w *writer) begin(c byte) {
	w.buf = append(w.buf, c)
	w.depth++
	w.first = true
}

func (w *writer) end(c byte) {
	w.depth--
	if !w.first {
		w.newline()
	}
	w.buf = append(w.buf, c)
	w.first = false
}

// key begins a property; its value follows.
func (w *writer) key(name string) {
	w.line()
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, `": `...)
}

// object writes a property whose value is an object.
func (w *writer) object(name string, body func()) {
	w.key(name)
	w.begin('{')
	body()
	w.end('}')
}

// array writes a property whose value is a list of n elements.
func (w *writer) array(name string, n int, element func(i int)) {
	w.key(name)
	w.begin('[')
	for i := range n {
		w.line()
		element(i)
	}
	w.end(']')
}

func (w *writer) text(name, value string) {
	w.key(name)
	w.quote(value)
}

// textOrNull writes the empty string as null, as Stripe shows a property that was never set.
func (w *writer) textOrNull(name, value string) {
	if value == "" {
		w.null(name)
		return
	}
	w.text(name, value)
}

func (w *writer) number(name string, n int64) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

func (w *writer) flag(name string, b bool) {
	w.key(name)
	w.buf = strconv.AppendBool(w.buf, b)
}

func (w *writer) null(names ...string) {
	for _, name := range names {
		w.key(name)
		w.buf = append(w.buf, "null"...)
	}
}

func (w *writer) texts(name string, values ...string) {
	w.array(name, len(values), func(i int) { w.quote(values[i]) })
}

func (w *writer) metadata(m metadata) {
	w.object("metadata", func() {
		for _, p := range m {
			w.line()
			w.quote(p.key)
			w.buf = append(w.buf, ": "...)
			w.quote(p.value)
		}
	})
}

// id writes the id of an object.
func (w *writer) id(name string, k kind, r ref) {
	w.key(name)
	w.buf = append(w.buf, '"')
	w.buf = w.account.ids.append(w.buf, k, r)
	w.buf = append(w.buf, '"')
}

// reference writes another object: null, its id, or the object itself if it is expanded.
func (w *writer) reference(name string, k kind, r ref, e expansion) {
	sub, expand := e[name]
	switch {
	case r == 0:
		w.null(name)
	case expand:
		w.key(name)
		w.value(w.account.tables[k].load(r), sub)
	default:
		w.id(name, k, r)
	}
}

// quote writes a JSON string. Invalid UTF-8 becomes the replacement character.
func (w *writer) quote(s string) {
	special := func(r rune) bool {
		return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError // also of invalid UTF-8
	}
	if strings.ContainsFunc(s, special) {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.Encode(s) // a string can always be encoded
		w.buf = append(w.buf, bytes.TrimSpace(b.Bytes())...)
		return
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, s...)
	w.buf = append(w.buf, '"')
}
