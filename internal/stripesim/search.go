package stripesim

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// query is a search in Stripe's language (https://docs.stripe.com/search#search-query-language):
// clauses joined by AND or by OR, but not by both.
type query struct {
	clauses []clause
	any     bool // joined by OR
}

// clause compares one field with one value.
type clause struct {
	negated  bool
	field    string // metadata:key for metadata
	operator string
	value    string
	null     bool
}

const metadataField = "metadata:"

var (
	errQuerySyntax = errors.New("a clause is a field, one of : ~ < > <= >=, and a value, such " +
		"as status:'succeeded' or metadata['key']:'value'")
	errQueryMixed = errors.New("AND and OR cannot be used in the same query")
)

func parseQuery(text string) (query, error) {
	var q query
	rest := text
	joined := ""
	for {
		var c clause
		var err error
		if c, rest, err = parseClause(strings.TrimSpace(rest)); err != nil {
			return q, err
		}
		q.clauses = append(q.clauses, c)
		if rest = strings.TrimSpace(rest); rest == "" {
			q.any = joined == "OR"
			return q, nil
		}
		word := "AND" // also between clauses without a word
		for _, w := range []string{"AND", "OR"} {
			if len(rest) > len(w) && strings.EqualFold(rest[:len(w)], w) && rest[len(w)] == ' ' {
				word, rest = w, rest[len(w):]
				break
			}
		}
		if joined != "" && joined != word {
			return q, errQueryMixed
		}
		joined = word
	}
}

// parseClause reads the clause that text begins with, and returns the rest.
func parseClause(text string) (c clause, rest string, err error) {
	text, c.negated = strings.CutPrefix(text, "-")
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if end <= 0 {
		return c, "", errQuerySyntax
	}
	c.field, text = text[:end], text[end:]
	if c.field == "metadata" {
		if text, err = c.parseKey(text); err != nil {
			return c, "", err
		}
	}
	for _, operator := range []string{"<=", ">=", ":", "~", "<", ">", "="} {
		if after, ok := strings.CutPrefix(text, operator); ok {
			c.operator, text = operator, after
			break
		}
	}
	if c.operator == "" || text == "" {
		return c, "", errQuerySyntax
	}
	if text[0] == '\'' || text[0] == '"' {
		c.value, rest, err = unquote(text)
		return c, rest, err
	}
	c.value, rest, _ = strings.Cut(text, " ")
	c.null = strings.EqualFold(c.value, "null")
	if _, err := strconv.ParseInt(c.value, 10, 64); err != nil && !c.null {
		return c, "", errQuerySyntax
	}
	return c, rest, nil
}

// parseKey reads ['key'] or ["key"].
func (c *clause) parseKey(text string) (rest string, err error) {
	text, ok := strings.CutPrefix(text, "[")
	if !ok {
		return "", errQuerySyntax
	}
	key, text, err := unquote(text)
	if err != nil {
		return "", err
	}
	text, ok = strings.CutPrefix(text, "]")
	if !ok {
		return "", errQuerySyntax
	}
	c.field = metadataField + key
	return text, nil
}

// unquote reads a string in single or double quotes, in which a backslash escapes the next
// character.
func unquote(text string) (value, rest string, err error) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		return "", "", errQuerySyntax
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == text[0]:
			return b.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", errQuerySyntax
}

// fields returns a searchable field of an object.
type fields func(name string) (value string, number, known bool)

// check returns what is wrong with the query for objects with these fields, nil if nothing is.
func (q *query) check(f fields) error {
	for _, c := range q.clauses {
		_, number, known := f(c.field)
		switch {
		case !known:
			return fmt.Errorf("the field %s cannot be searched", c.field)
		case number && (c.operator == "~" || c.null):
			return fmt.Errorf("the field %s is a number", c.field)
		case !number && strings.ContainsAny(c.operator, "<>="):
			return fmt.Errorf("the field %s cannot be compared with %s", c.field, c.operator)
		}
		if _, err := strconv.ParseInt(c.value, 10, 64); number && err != nil {
			return fmt.Errorf("the field %s is a number", c.field)
		}
	}
	return nil
}

func (q *query) matches(f fields) bool {
	for _, c := range q.clauses {
		if c.matches(f) == q.any {
			return q.any
		}
	}
	return !q.any
}

func (c *clause) matches(f fields) bool {
	value, number, _ := f(c.field)
	return c.compare(value, number) != c.negated
}

func (c *clause) compare(value string, number bool) bool {
	switch {
	case c.null:
		return value == ""
	case !number && c.operator == "~":
		return strings.Contains(strings.ToLower(value), strings.ToLower(c.value))
	case !number:
		return strings.EqualFold(value, c.value)
	}
	have, _ := strconv.ParseInt(value, 10, 64) // a number, as fields reports
	want, _ := strconv.ParseInt(c.value, 10, 64)
	switch sign := cmp.Compare(have, want); c.operator {
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	case ">=":
		return sign >= 0
	default:
		return sign == 0
	}
}

// search answers with a page of a search, newest first. fieldsOf must accept the zero value, too.
func (t *table[T]) search(c *call, fieldsOf func(*T) fields) view {
	p, a := c.params, c.account
	text := p.required("query")
	limit := readLimit(p)
	page := p.text("page")
	e := p.expand(t.kind, "data.")
	p.done()
	q, err := parseQuery(text)
	if err == nil {
		err = q.check(fieldsOf(new(T)))
	}
	if err != nil {
		refuse(errInvalid("", "query",
			"We were unable to parse your search query: "+err.Error()+"."))
	}
	next := t.len()
	if page != "" {
		r, ok := a.ids.ref(t.kind, page)
		if !ok || r > next {
			refuse(errInvalid("", "page", "Invalid page: "+page))
		}
		next = r
	}
	v := &listView{path: c.http.URL.Path, expand: e, search: true}
	for r := next; r > 0; r-- {
		o := a.index.view(a, t.kind, r)
		if u, ok := o.(*customer); ok && u.deleted {
			continue
		}
		if o == nil || !q.matches(fieldsOf(any(o).(*T))) {
			continue
		}
		if len(v.objects) == limit {
			v.more, v.next = true, a.ids.id(t.kind, r)
			break
		}
		v.objects = append(v.objects, o)
	}
	return v
}
