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
	depth   int       // of the value being written
	expand  expansion // of the object being written
}

// view is anything that can be answered: a snapshot of an object, a page of them, or an error.
type view interface {
	// json writes a JSON object. The snapshot alone decides what is written, unless other objects
	// are expanded: a saved reply is written again for each replay and must come out the same.
	json(w *writer)
}

func (w *writer) value(v view, e expansion) {
	outer := w.expand
	w.expand = e
	v.json(w)
	w.expand = outer
}

// text writes JSON whose lines are indented as if it stood alone.
func (w *writer) text(s string) {
	for w.depth > 0 {
		line, rest, found := strings.Cut(s, "\n")
		if !found {
			break
		}
		w.buf = append(w.buf, line...)
		w.newline()
		s = rest
	}
	w.buf = append(w.buf, s...)
}

func (w *writer) newline() {
	w.buf = append(w.buf, '\n')
	for range w.depth {
		w.buf = append(w.buf, "  "...)
	}
}

func (w *writer) list(open string, n int, end string, element func(i int)) {
	w.buf = append(w.buf, open...)
	w.depth++
	for i := range n {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.newline()
		element(i)
	}
	w.depth--
	if n > 0 {
		w.newline()
	}
	w.buf = append(w.buf, end...)
}

func (w *writer) number(n int64) { w.buf = strconv.AppendInt(w.buf, n, 10) }

func (w *writer) flag(b bool) { w.buf = strconv.AppendBool(w.buf, b) }

func (w *writer) either(first bool, one, other string) {
	if !first {
		one = other
	}
	w.quote(one)
}

// quoteOrNull writes the empty string as null, as Stripe shows a property that was never set.
func (w *writer) quoteOrNull(s string) {
	if s == "" {
		w.text("null")
		return
	}
	w.quote(s)
}

// id writes the id of an object, with what stands before and after it.
func (w *writer) id(before string, k kind, r ref, after string) {
	w.buf = append(w.buf, before...)
	w.buf = w.account.ids.append(w.buf, k, r)
	w.buf = append(w.buf, after...)
}

// reference writes another object: null, its id, or the object itself if it is expanded.
func (w *writer) reference(path string, k kind, r ref) {
	sub, expand := w.expand[path]
	switch {
	case r == 0:
		w.text("null")
	case expand:
		w.value(w.account.tables[k].load(r), sub)
	default:
		w.id(`"`, k, r, `"`)
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
