package stripesim

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// query is a search in Stripe's language (https://docs.stripe.com/search#search-query-language):
// clauses joined by AND or by OR, but not by both.
type query struct {
	clauses []clause
	any     bool // joined by OR
}

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

	// clausePattern is the clause that a text begins with. A value without quotes ends at a blank.
	clausePattern = regexp.MustCompile(`(?is)^(-?)([\pL\p{Nd}_.]+)(?:\[(` + quoted + `)\])?` +
		`(<=|>=|[:~<>=])(` + quoted + `|(?:null|[+-]?\d+)(?: |$))`)
	escaped = regexp.MustCompile(`(?s)\\(.)`)
)

// quoted is a string in single or double quotes, in which a backslash escapes the next character.
const quoted = `'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`

func parseQuery(text string) (q query, err error) {
	joined := ""
	for rest := text; ; {
		rest = strings.TrimSpace(rest)
		m := clausePattern.FindStringSubmatch(rest)
		if m == nil || (m[2] == "metadata") != (m[3] != "") {
			return q, errQuerySyntax
		}
		c := clause{negated: m[1] != "", field: m[2], operator: m[4], value: unquote(m[5])}
		c.null = strings.EqualFold(strings.TrimSpace(m[5]), "null")
		if m[3] != "" {
			c.field = metadataField + unquote(m[3])
		}
		q.clauses = append(q.clauses, c)
		if rest = strings.TrimSpace(rest[len(m[0]):]); rest == "" {
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

// unquote returns what is in the quotes, or a value that has none.
func unquote(text string) string {
	if text[0] != '\'' && text[0] != '"' {
		return strings.TrimSpace(text)
	}
	return escaped.ReplaceAllString(text[1:len(text)-1], "$1")
}

// searchable are the fields that a search can name, and whether they are numbers
// (https://docs.stripe.com/search#query-fields). Metadata can be searched everywhere.
var searchable = [kinds]map[string]bool{
	kindCustomer: {"created": true, "email": false, "name": false, "phone": false},
	kindIntent: {"amount": true, "created": true, "currency": false, "customer": false,
		"status": false},
	kindCharge: {"amount": true, "created": true, "currency": false, "customer": false,
		"status": false, "disputed": false, "refunded": false,
		"payment_method_details.card.last4": true, "payment_method_details.card.brand": false,
		"payment_method_details.card.fingerprint": false},
}

// check returns what is wrong with the query for objects of a kind, nil if nothing is.
func (q *query) check(k kind) error {
	for _, c := range q.clauses {
		number, known := searchable[k][c.field]
		switch {
		case !known && !strings.HasPrefix(c.field, metadataField):
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

// matches reports whether an object, which the writer belongs to the account of, is found.
func (q *query) matches(w *writer, k kind, o view) bool {
	for _, c := range q.clauses {
		value := w.property(bodyOf[k], o, c.field)
		if (c.compare(value, searchable[k][c.field]) != c.negated) == q.any {
			return q.any
		}
	}
	return !q.any
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
	have, _ := strconv.ParseInt(value, 10, 64) // a number, as searchable says
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

// search is the endpoint that answers with a page of a search, newest first.
func search(k kind) func(*call) view {
	return func(c *call) view {
		p, a := c.params, c.account
		text := p.required("query")
		limit := readLimit(p)
		page := p.text("page")
		v := &listView{path: c.http.URL.Path, expand: p.expand(k, "data."), search: true}
		p.done()
		q, err := parseQuery(text)
		if err == nil {
			err = q.check(k)
		}
		if err != nil {
			refuse(errInvalid("", "query", "We were unable to parse your search query: %s.", err))
		}
		next := a.tables[k].len()
		if page != "" {
			if next = a.find(k, page); next == 0 {
				refuse(errInvalid("", "page", "Invalid page: %s", page))
			}
		}
		w, stale := &writer{account: a}, a.index.stale()
		for r := next; r > 0; r-- {
			o, changed := stale[lockKey{k, r}]
			if !changed {
				o = a.tables[k].load(r)
			}
			if u, ok := o.(*customer); o == nil || ok && u.deleted || !q.matches(w, k, o) {
				continue
			}
			if len(v.objects) == limit {
				v.more, v.next = true, a.ids.id(k, r)
				break
			}
			v.objects = append(v.objects, o)
		}
		return v
	}
}
