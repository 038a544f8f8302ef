package stripesim

import (
	"strconv"
	"unicode/utf8"
)

// writer writes JSON as Stripe prints it, two spaces a level. It is written by hand because a
// simulator spends most of its time here: encoding/json with an indentation costs ten times as
// much.
type writer struct {
	account *account
	buf     []byte
	depth   int
	first   bool // nothing was written on this level yet
}

const indentation = "                                                                "

func (w *writer) line() {
	if !w.first {
		w.buf = append(w.buf, ',')
	}
	w.first = false
	w.newline()
}

func (w *writer) newline() {
	w.buf = append(w.buf, '\n')
	n := 2 * w.depth
	for n > len(indentation) {
		w.buf = append(w.buf, indentation...)
		n -= len(indentation)
	}
	w.buf = append(w.buf, indentation[:n]...)
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

// textOrNull writes the empty string as null, which is how Stripe shows what was never set.
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

func (w *writer) numberOrNull(name string, n int64) {
	if n == 0 {
		w.null(name)
		return
	}
	w.number(name, n)
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

// reference writes another object: null, its id, or all of it if the caller asked to expand it.
func (w *writer) reference(name string, k kind, r ref, e expansion) {
	sub, expand := e[name]
	switch {
	case r == 0:
		w.null(name)
	case expand:
		w.key(name)
		w.value(w.account.load(k, r), sub)
	default:
		w.id(name, k, r)
	}
}

const hex = "0123456789abcdef"

// quote writes a JSON string. Invalid UTF-8 becomes the replacement character.
func (w *writer) quote(s string) {
	w.buf = append(w.buf, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		w.buf = append(w.buf, s[start:i]...)
		w.buf = appendEscaped(w.buf, c)
		i++
		start = i
	}
	w.buf = append(w.buf, s[start:]...)
	w.buf = append(w.buf, '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c == '\n':
		return append(b, `\n`...)
	case c >= utf8.RuneSelf:
		return append(b, `\ufffd`...)
	default:
		return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
}
