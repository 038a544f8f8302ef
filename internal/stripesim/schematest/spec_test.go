package schematest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stripe/stripe-mock/embedded"
)

// spec is Stripe's description of its API, version 2023-10-16.
type spec struct {
	doc *openapi3.T
}

func loadSpec(t *testing.T) *spec {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(embedded.OpenAPISpec)
	if err != nil {
		t.Fatalf("load Stripe's OpenAPI description: %v", err)
	}
	if doc.Info.Version != "2023-10-16" {
		t.Fatalf("stripe-mock carries version %s, want 2023-10-16", doc.Info.Version)
	}
	return &spec{doc}
}

// operation finds what the description says about a request; the most literal path wins.
func (s *spec) operation(method, path string) (template string, o *openapi3.Operation) {
	wanted := strings.Split(path, "/")
	for candidate, item := range s.doc.Paths.Map() {
		segments := strings.Split(candidate, "/")
		if len(segments) != len(wanted) || item.GetOperation(method) == nil {
			continue
		}
		match := true
		for i, segment := range segments {
			match = match && (segment == wanted[i] || strings.HasPrefix(segment, "{"))
		}
		literal := strings.Count(candidate, "{") < strings.Count(template, "{")
		if match && (template == "" || literal) {
			template, o = candidate, item.GetOperation(method)
		}
	}
	return template, o
}

// schema is that of an answer with this status.
func (s *spec) schema(o *openapi3.Operation, status int) *openapi3.Schema {
	name := "default"
	if status == http.StatusOK {
		name = "200"
	}
	return o.Responses.Value(name).Value.Content.Get("application/json").Schema.Value
}

// tally counts the properties that real traffic always has: those required or nullable.
type tally struct {
	expected, present int
	absent, unknown   map[string]int
}

func newTally() *tally {
	return &tally{absent: make(map[string]int), unknown: make(map[string]int)}
}

// count walks an answer along its schema.
func (c *tally) count(where string, schema *openapi3.Schema, value any) {
	schema = chosen(schema, value)
	switch value := value.(type) {
	case map[string]any:
		if len(schema.Properties) == 0 {
			return // metadata and the like
		}
		c.properties(where, schema, value)
		for name, child := range value {
			if p := schema.Properties[name]; p != nil {
				c.count(where+"."+name, p.Value, child)
			} else {
				c.unknown[where+"."+name]++
			}
		}
	case []any:
		if schema.Items == nil {
			return
		}
		for _, child := range value {
			c.count(where+"[]", schema.Items.Value, child)
		}
	}
}

func (c *tally) properties(where string, schema *openapi3.Schema, value map[string]any) {
	required := make(map[string]bool)
	for _, name := range schema.Required {
		required[name] = true
	}
	for name, p := range schema.Properties {
		if !required[name] && !p.Value.Nullable {
			continue
		}
		c.expected++
		if _, ok := value[name]; ok {
			c.present++
		} else {
			c.absent[where+"."+name]++
		}
	}
}

// chosen is the alternative of an anyOf that the value is an instance of.
func chosen(schema *openapi3.Schema, value any) *openapi3.Schema {
	for _, alternative := range schema.AnyOf {
		s := alternative.Value
		if !sameObject(s, value) {
			continue
		}
		if s.VisitJSON(value, openapi3.MultiErrors()) == nil {
			return s
		}
	}
	return schema
}

// sameObject compares the "object" of a value with the one of a schema: without it, nearly anything
// is an instance of a schema that requires nothing.
func sameObject(s *openapi3.Schema, value any) bool {
	m, ok := value.(map[string]any)
	if !ok {
		return true
	}
	p := s.Properties["object"]
	if p == nil || len(p.Value.Enum) == 0 {
		return true
	}
	return fmt.Sprint(p.Value.Enum[0]) == fmt.Sprint(m["object"])
}

func (c *tally) report(t *testing.T) {
	t.Helper()
	list := func(what string, names map[string]int) {
		var lines []string
		for name, n := range names {
			lines = append(lines, fmt.Sprintf("%s (%d)", name, n))
		}
		sort.Strings(lines)
		if len(lines) > 0 {
			t.Logf("%s:\n\t%s", what, strings.Join(lines, "\n\t"))
		}
	}
	list("absent", c.absent)
	list("not in the description", c.unknown)
}

// parse reads an answer as JSON.
func parse(body []byte) (any, error) {
	var value any
	err := json.Unmarshal(body, &value)
	return value, err
}
