package stripesim

import "strings"

// expansion is a tree of the properties to write in full instead of as an id; nil expands nothing.
type expansion map[string]expansion

// maxExpandDepth is Stripe's (https://docs.stripe.com/api/expanding_objects).
const maxExpandDepth = 4

// expand reads expand[] for an endpoint that answers with an object of this kind or, with the
// prefix "data.", with a list of them.
func (p *params) expand(k kind, prefix string) expansion {
	var e expansion
	for _, path := range p.list("expand") {
		rest, ok := strings.CutPrefix(path, prefix)
		switch {
		case strings.Count(path, ".") >= maxExpandDepth:
			p.fail(errInvalid("", "expand", "You cannot expand more than %d levels of a "+
				"property. Property: %s", maxExpandDepth, path))
		case !ok || !e.add(k, rest):
			p.fail(errInvalid("", "expand", "This property cannot be expanded (%s).", path))
		}
	}
	return e
}

// add adds a path to the tree and reports whether this kind has such a path.
func (e *expansion) add(k kind, path string) bool {
	bodyOf[k].compiled()
	for name, next := range bodyOf[k].expands { // no name begins with another and a dot
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
