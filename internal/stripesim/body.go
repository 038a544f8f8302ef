package stripesim

import (
	"embed"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// bodies/X.json is how an X is answered. A string in it that begins with $ or @ stands for a value:
//
//	"$field"      a field of the Go type, such as amount or details.description, or else what the
//	              function of that name writes; a pointer to an X, by bodies/X.json again
//	"$field?"     null instead of the zero value
//	"$field!"     nothing, not even the property's name, instead of the zero value; not last
//	"$cus field"  the id of the customer that the field refers to; likewise the other kinds, by
//	              what their ids begin with
//	"@cus field"  the same or, if it is expanded, the customer
//	"@field"      what may be expanded, too, without an object for it
//	"@null"       likewise, and null here
//
//go:embed bodies
var bodies embed.FS

var placeholder = regexp.MustCompile(
	`^(\s*"\w+": )"([$@])(?:(\w+) )?([\w.]*)([?!]?)"(,?)$`)

// body is a file of bodies. It is compiled when an object is first written: most processes that
// link this package never write one.
type body struct {
	compiled func() // by newBody, once; nil for one that is within another
	parts    []part
	end      string // the text after the last part
	// expands are the paths of what may be expanded, with its kind: kindNone if nothing is there.
	expands map[string]kind
}

// bodyOf are the bodies of objects that show others.
var bodyOf = [kinds]*body{
	kindNone:     {compiled: func() {}},
	kindCustomer: customerBody, kindMethod: methodBody, kindIntent: intentBody,
	kindCharge: chargeBody, kindRefund: refundBody, kindDispute: disputeBody,
	kindTransaction: transactionBody, kindEvent: eventBody, kindEndpoint: endpointBody,
}

type part struct {
	text  string // before it
	label string // likewise, but omitted with it
	name  string // of the field or the function
	mark  string // "?", "!" or none
	path  string // the property's name, after those of the objects around it
	depth int
	kind  kind // of what it refers to
	field []int
	zero  reflect.Value // of the field
	write func(*writer, any)
	// within is the body of what the field points to, which has no functions.
	within *body
}

// functions write the values that are not simply a field of T.
type functions[T any] map[string]func(*writer, *T)

// newBody returns the file of bodies with this name, for a T.
func newBody[T any](name string, computed functions[T]) *body {
	b := new(body)
	b.compiled = sync.OnceFunc(func() {
		b.compile(name, reflect.TypeFor[T]())
		for i := range b.parts {
			if write, ok := computed[b.parts[i].name]; ok {
				b.parts[i].write = func(w *writer, o any) { write(w, o.(*T)) }
			}
		}
	})
	return b
}

func (b *body) compile(name string, t reflect.Type) {
	file, _ := bodies.ReadFile("bodies/" + name + ".json")
	b.expands = make(map[string]kind)
	var around []string // the names of the objects around a line
	for line := range strings.SplitSeq(strings.TrimSpace(string(file)), "\n") {
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if name, _, is := strings.Cut(strings.TrimLeft(line, ` "`), `": `); is {
			around = append(around[:depth-1], name)
		}
		if depth > 0 || line == "}" {
			line = "\n" + line
		}
		m := placeholder.FindStringSubmatch(line)
		if m == nil {
			b.end += line
			continue
		}
		p := part{text: b.end + m[1], kind: kindOf(m[3]), name: m[4], mark: m[5],
			path: strings.Join(around, "."), depth: depth}
		if b.end = m[6]; p.mark == "!" {
			p.text, p.label, b.end = strings.TrimSuffix(p.text, m[1]), m[1], ""
		}
		if m[2] == "@" {
			b.expands[p.path] = p.kind
		}
		p.locate(t)
		b.parts = append(b.parts, p)
	}
}

// kindOf returns the kind whose ids begin with the prefix.
func kindOf(prefix string) kind {
	for k := range kinds {
		if strings.HasPrefix(names[k].prefix, prefix+"_") {
			return k
		}
	}
	return kindNone
}

// locate finds the field of a T. One that is not there has a function.
func (p *part) locate(t reflect.Type) {
	for name := range strings.SplitSeq(p.name, ".") {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		f, found := t.FieldByName(name)
		if !found {
			return
		}
		p.field, t = append(p.field, f.Index...), f.Type
	}
	p.zero = reflect.Zero(t)
	if t.Kind() == reflect.Pointer {
		p.within = new(body)
		p.within.compile(t.Elem().Name(), t.Elem())
	}
}

// fill writes an object: o points to a T of the body.
func (w *writer) fill(b *body, o any) {
	b.compiled()
	w.parts(b, o, reflect.ValueOf(o).Elem())
}

func (w *writer) parts(b *body, o any, v reflect.Value) {
	depth := w.depth
	for i := range b.parts {
		p := &b.parts[i]
		w.text(p.text)
		start := len(w.buf)
		w.text(p.label)
		empty := len(w.buf)
		w.depth = depth + p.depth
		w.part(p, o, v)
		w.depth = depth
		if p.mark == "!" && len(w.buf) == empty {
			w.buf = w.buf[:start]
		} else if p.mark == "!" {
			w.buf = append(w.buf, ',')
		}
	}
	w.text(b.end)
}

// of returns the field of an object, which is the zero value if a nil pointer is before it.
func (p *part) of(v reflect.Value) reflect.Value {
	for _, i := range p.field {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return p.zero
		}
		v = reflect.Indirect(v).Field(i)
	}
	return v
}

// part writes a value of o, which v reflects.
func (w *writer) part(p *part, o any, v reflect.Value) {
	if p.write != nil {
		p.write(w, o)
		return
	}
	v = p.of(v)
	nothing := p.mark != "" || v.Kind() == reflect.Pointer
	if nothing && v.IsZero() || p.field == nil {
		if p.mark != "!" {
			w.text("null")
		}
		return
	}
	switch v.Kind() {
	case reflect.Int64:
		w.number(v.Int())
	case reflect.Bool:
		w.flag(v.Bool())
	case reflect.String:
		w.quote(v.String())
	case reflect.Uint64:
		w.reference(p.path, p.kind, ref(v.Uint()))
	case reflect.Pointer:
		w.parts(p.within, nil, v.Elem())
	default:
		w.slice(v)
	}
}

// slice writes a list of strings, or pairs of a name and a value as an object.
func (w *writer) slice(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.String {
		w.list("[", v.Len(), "]", func(i int) { w.quote(v.Index(i).String()) })
		return
	}
	w.list("{", v.Len(), "}", func(i int) {
		w.quote(v.Index(i).Field(0).String())
		w.text(": ")
		w.quote(v.Index(i).Field(1).String())
	})
}

// property returns a property of an object as text, "" for null, or the metadata of metadata:key.
func (w *writer) property(b *body, o any, path string) string {
	b.compiled()
	path, key, inMetadata := strings.Cut(path, ":")
	i := slices.IndexFunc(b.parts, func(p part) bool { return p.path == path })
	v := reflect.ValueOf(o).Elem()
	if inMetadata {
		pairs := b.parts[i].of(v)
		for n := range pairs.Len() {
			if pairs.Index(n).Field(0).String() == key {
				return pairs.Index(n).Field(1).String()
			}
		}
		return ""
	}
	w.buf = w.buf[:0]
	w.part(&b.parts[i], o, v)
	text := string(w.buf)
	if text == "null" {
		return ""
	}
	if strings.HasPrefix(text, `"`) {
		_ = json.Unmarshal(w.buf, &text) // it is a string
	}
	return text
}
