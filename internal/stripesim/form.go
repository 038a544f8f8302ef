package stripesim

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// These bounds keep a request's cost proportional to its length.
const (
	maxParams = 1000
	maxDepth  = 8
)

// field is one parameter as it was sent: a value, or children by name. The children of a list are
// named by their index.
type field struct {
	name     string
	value    string
	nested   bool
	children []*field
	seen     bool // whether the endpoint asked for it
}

var (
	errFormSyntax   = errors.New("a parameter name or value is not properly encoded")
	errFormConflict = errors.New("a parameter is both a value and an object")
	errFormSize     = errors.New("too many parameters, or nested too deeply")
)

// decodeForm reads parameters in Stripe's form encoding: a=1, a[b]=1, a[]=1 and a[0][b]=1. If a
// name is sent twice, the last value counts.
func decodeForm(root *field, encoded string) error {
	root.nested = true
	for count := 0; encoded != ""; count++ {
		var pair string
		pair, encoded, _ = strings.Cut(encoded, "&")
		if pair == "" {
			continue
		}
		if count >= maxParams {
			return errFormSize
		}
		if err := root.decodePair(pair); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) decodePair(pair string) error {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		return errFormSyntax
	}
	value, err := url.QueryUnescape(rawValue)
	if err != nil {
		return errFormSyntax
	}
	base, rest, _ := strings.Cut(name, "[")
	if base == "" {
		return errFormSyntax
	}
	leaf, err := f.descend(base)
	if len(base) < len(name) && err == nil {
		leaf, err = leaf.descendAll(rest)
	}
	switch {
	case err != nil:
		return err
	case leaf.nested:
		return errFormConflict
	}
	leaf.value = value
	return nil
}

// descendAll follows the rest of a[b][c] after the first bracket: "b][c]".
func (f *field) descendAll(rest string) (_ *field, err error) {
	inner, closed := strings.CutSuffix(rest, "]")
	switch {
	case !closed:
		return nil, errFormSyntax
	case strings.Count(rest, "]") > maxDepth:
		return nil, errFormSize
	}
	for name := range strings.SplitSeq(inner, "][") {
		if strings.Contains(name, "]") {
			return nil, errFormSyntax
		}
		if name == "" {
			name = strconv.Itoa(len(f.children))
		}
		if f, err = f.descend(name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// descend returns the child of this name, and creates it if necessary.
func (f *field) descend(name string) (*field, error) {
	if !f.nested {
		if f.value != "" {
			return nil, errFormConflict
		}
		f.nested = true
	}
	if child := f.child(name); child != nil {
		return child, nil
	}
	child := &field{name: name}
	f.children = append(f.children, child)
	return child, nil
}

func (f *field) child(name string) *field {
	for _, c := range f.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// canonical appends the parameters in an order that does not depend on how they were sent: two
// requests have the same parameters if the results are equal.
func (f *field) canonical(b []byte) []byte {
	if !f.nested {
		b = strconv.AppendQuote(b, f.value)
		return append(b, ';')
	}
	sorted := slices.SortedFunc(slices.Values(f.children),
		func(a, b *field) int { return cmp.Compare(a.name, b.name) })
	b = append(b, '{')
	for _, c := range sorted {
		b = strconv.AppendQuote(b, c.name)
		b = append(b, '=')
		b = c.canonical(b)
	}
	return append(b, '}')
}
