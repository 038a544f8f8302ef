package schematest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestAnswersAreAsStripeDescribesThem holds every kind of answer to Stripe's description: valid
// without exception, and with the properties that real traffic always shows.
func TestAnswersAreAsStripeDescribesThem(t *testing.T) {
	t.Parallel()
	s, r, c := loadSpec(t), newTour(t), newTally()
	r.run()
	for _, v := range r.visits {
		_, operation := s.operation(v.method, v.path)
		if operation == nil {
			t.Errorf("%s %s is not in Stripe's description", v.method, v.path)
			continue
		}
		schema := s.schema(operation, v.status)
		value, err := parse(v.body)
		if err != nil {
			t.Errorf("%s %s: %v", v.method, v.path, err)
			continue
		}
		if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
			t.Errorf("%s %s answers %d with what is not valid: %v", v.method, v.path, v.status, err)
		}
		c.count(nameOf(v), schema, value)
		s.checkEvents(t, c, value)
	}
	c.report(t)
	share := 100 * float64(c.present) / float64(c.expected)
	t.Logf("%d answers; %d of %d required and nullable properties present (%.2f %%)",
		len(r.visits), c.present, c.expected, share)
	if c.present < c.expected {
		t.Errorf("%d properties are absent", c.expected-c.present)
	}
	if len(c.unknown) > 0 {
		t.Errorf("%d properties are not in Stripe's description", len(c.unknown))
	}
}

// checkEvents holds what events show to the description of its own kind: that of the event says
// nothing about it.
func (s *spec) checkEvents(t *testing.T, c *tally, answer any) {
	t.Helper()
	list, _ := answer.(map[string]any)["data"].([]any)
	for _, element := range append(list, answer) {
		event, _ := element.(map[string]any)
		if event["object"] != "event" {
			continue
		}
		object := event["data"].(map[string]any)["object"].(map[string]any)
		kind := object["object"].(string)
		schema := s.doc.Components.Schemas[kind].Value
		if err := schema.VisitJSON(object, openapi3.MultiErrors()); err != nil {
			t.Errorf("the event %v shows a %s that is not valid: %v", event["type"], kind, err)
		}
		c.count(kind, schema, object)
	}
}

// nameOf is the kind of object an endpoint answers.
func nameOf(v visit) string {
	if v.status != http.StatusOK {
		return "error"
	}
	return strings.Join(strings.Split(v.path, "/")[2:3], "")
}

// TestTheTourVisitsEveryEndpoint keeps the test above from passing over an endpoint: it asks for
// every path that Stripe has, and whatever the simulator does not refuse as unknown must be on the
// tour.
func TestTheTourVisitsEveryEndpoint(t *testing.T) {
	t.Parallel()
	s, r := loadSpec(t), newTour(t)
	r.run()
	visited := make(map[string]bool)
	for _, v := range r.visits {
		template, _ := s.operation(v.method, v.path)
		visited[v.method+" "+template] = true
	}
	probe := newTour(t)
	for template, item := range s.doc.Paths.Map() {
		for method := range item.Operations() {
			if visited[method+" "+template] || !probe.simulates(method, template) {
				continue
			}
			t.Errorf("%s %s is simulated, but not on the tour", method, template)
		}
	}
	if len(visited) == 0 {
		t.Error("the tour visited nothing")
	}
}

// simulates says whether a path leads anywhere.
func (r *tour) simulates(method, template string) bool {
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+template, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	request.SetBasicAuth("sk_test_schema", "")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	var body strings.Builder
	if err := response.Write(&body); err != nil {
		r.t.Fatal(err)
	}
	return !strings.Contains(body.String(), "Unrecognized request URL")
}
