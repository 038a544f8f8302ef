package stripesim

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unique"
)

// params reads the parameters of one request, or of one object in it. done refuses the request for
// the first problem, or for the parameters that nobody read: so an endpoint reads everything it
// knows, calls done once, and needs no check in between.
type params struct {
	field *field
	path  string // "card" for card[number]; empty at the top
	first **apiError
}

func newParams(root *field) *params {
	return &params{field: root, first: new(*apiError)}
}

func (p *params) done() { refuse(p.problem()) }

// problem returns what is wrong with the parameters: unknown ones first, as Stripe does.
func (p *params) problem() *apiError {
	if unknown := p.unknown(nil, p.field, ""); len(unknown) > 0 {
		return errUnknownParameters(unknown)
	}
	return *p.first
}

func (p *params) unknown(names []string, f *field, path string) []string {
	for _, c := range f.children {
		name := join(path, c.name)
		switch {
		case !c.seen:
			names = append(names, name)
		case c.nested:
			names = p.unknown(names, c, name)
		}
	}
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "[" + name + "]"
}

func (p *params) fail(e *apiError) {
	if *p.first == nil {
		*p.first = e
	}
}

// invalid is fail for a parameter's own fault.
func (p *params) invalid(code, name, format string, args ...any) {
	p.fail(errInvalid(code, join(p.path, name), format, args...))
}

// take marks a parameter as known and returns it, nil if it was not sent.
func (p *params) take(name string) *field {
	f := p.field.child(name)
	if f != nil {
		f.seen = true
	}
	return f
}

func (p *params) has(name string) bool {
	return p.field.child(name) != nil
}

// refuse reports parameters that Stripe has and this simulator lacks, instead of ignoring them
// silently.
func (p *params) refuse(names ...string) {
	for _, name := range names {
		if f := p.take(name); f != nil {
			f.children = nil // its content does not matter
			name = join(p.path, name)
			p.fail(errInvalid("", name, "stripesim does not simulate the parameter %s.", name))
		}
	}
}

// missing reports a required parameter that was not sent.
func (p *params) missing(name string) {
	name = join(p.path, name)
	p.fail(errInvalid("parameter_missing", name, "Missing required param: %s.", name))
}

// text returns a string that cannot be unset: an empty value is an error.
func (p *params) text(name string) string {
	value, sent := p.optional(name)
	if sent && value == "" {
		p.fail(errEmptyParameter(join(p.path, name)))
	}
	return value
}

// required is text that has to be sent.
func (p *params) required(name string) string {
	if !p.has(name) {
		p.missing(name)
	}
	return p.text(name)
}

// optional returns a string that an empty value unsets, and whether it was sent.
func (p *params) optional(name string) (value string, sent bool) {
	f := p.take(name)
	if f == nil {
		return "", false
	}
	if f.nested {
		p.invalid("", name, "Invalid string: {}")
		return "", true
	}
	return strings.Clone(f.value), true
}

// update overwrites the target if the parameter was sent, even with an empty value.
func (p *params) update(name string, target *string) {
	if value, sent := p.optional(name); sent {
		*target = value
	}
}

// email is update for an e-mail address.
func (p *params) email(name string, target *string) {
	p.update(name, target)
	sent := p.field.child(name)
	if sent == nil || sent.nested || sent.value == "" {
		return
	}
	if a, err := mail.ParseAddress(sent.value); err != nil || a.Address != sent.value {
		p.invalid("email_invalid", name, "Invalid email address: %s", sent.value)
	}
}

// integer returns a whole number of at least min, and whether it was sent. An invalid value is
// never used, because done reports it.
func (p *params) integer(name string, min int64) (value int64, sent bool) {
	text, sent := p.optional(name)
	if !sent {
		return 0, false
	}
	value, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		p.invalid("parameter_invalid_integer", name, "Invalid integer: %s", text)
	case value < min:
		p.invalid("parameter_invalid_integer", name,
			"This value must be greater than or equal to %d.", min)
	}
	return value, true
}

// flag returns a boolean, false if it was not sent.
func (p *params) flag(name string) bool {
	text, sent := p.optional(name)
	if sent && !isTrue(text) && !isFalse(text) {
		p.invalid("", name, "Invalid boolean: %s", text)
	}
	return isTrue(text)
}

// isTrue and isFalse know a boolean as the SDKs write it: Python's sends True.
func isTrue(s string) bool  { return s == "true" || s == "True" }
func isFalse(s string) bool { return s == "false" || s == "False" }

// choice returns one of the values allowed, empty if it was not sent.
func (p *params) choice(name string, allowed ...string) string {
	value := p.text(name)
	if value != "" && !slices.Contains(allowed, value) {
		p.invalid("", name, "Invalid %s: must be one of %s", join(p.path, name),
			strings.Join(allowed, ", "))
	}
	return value
}

// object returns the parameters within an object, nil if it was not sent. An empty value, which
// unsets the object, is an object without parameters.
func (p *params) object(name string) *params {
	f := p.take(name)
	if f == nil {
		return nil
	}
	if !f.nested && f.value != "" {
		p.invalid("", name, "Invalid object")
	}
	return &params{field: f, path: join(p.path, name), first: p.first}
}

func (p *params) list(name string) []string {
	f := p.take(name)
	if f == nil {
		return nil
	}
	if !f.nested {
		if f.value != "" {
			p.invalid("", name, "Invalid array")
		}
		return nil
	}
	var values []string
	for _, c := range f.children {
		c.seen = true
		if c.nested {
			p.fail(errInvalid("", join(join(p.path, name), c.name), "Invalid string: {}"))
			continue
		}
		values = append(values, strings.Clone(c.value))
	}
	return values
}

// pair is one entry of an object's metadata.
type pair struct {
	key, value string
}

// metadata is what a caller attached to an object, in the order given. An object's snapshots share
// it, so it is never written to.
type metadata []pair

// get returns the value of a key, empty if there is none.
func (m metadata) get(key string) string {
	for _, p := range m {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

// Stripe's limits (https://docs.stripe.com/api/metadata).
const (
	maxMetadataKeys  = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

// metadata merges the metadata sent into the old: an empty value deletes its key, and empty
// metadata deletes all keys.
func (p *params) metadata(old metadata) metadata {
	f := p.take("metadata")
	if f == nil {
		return old
	}
	path := join(p.path, "metadata")
	if !f.nested {
		if f.value != "" {
			p.fail(errInvalid("", path, "Invalid object"))
		}
		return nil
	}
	merged := slices.Clone(old)
	for _, c := range f.children {
		c.seen = true
		if c.nested || utf8.RuneCountInString(c.value) > maxMetadataValue ||
			utf8.RuneCountInString(c.name) > maxMetadataKey {
			p.fail(errInvalid("", join(path, c.name), "Metadata keys have at most %d "+
				"characters, values are strings of at most %d.", maxMetadataKey, maxMetadataValue))
		}
		// All objects share the same few keys, so each key is stored once.
		next := pair{unique.Make(c.name).Value(), strings.Clone(c.value)}
		at := slices.IndexFunc(merged, func(m pair) bool { return m.key == next.key })
		switch {
		case c.value == "" && at >= 0:
			merged = slices.Delete(merged, at, at+1)
		case c.value == "":
		case at >= 0:
			merged[at] = next
		default:
			merged = append(merged, next)
		}
	}
	if len(merged) > maxMetadataKeys {
		p.fail(errInvalid("", path, "Metadata can have up to %d keys.", maxMetadataKeys))
	}
	return slices.Clip(merged)
}
