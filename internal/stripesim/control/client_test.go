package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/triplecharge/internal/stripesim/control"
)

// stub answers one request after the other with what it is given.
func stub(t *testing.T, answers ...any) *control.Client {
	t.Helper()
	next := make(chan any, len(answers))
	for _, a := range answers {
		next <- a
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case a := <-next:
			json.NewEncoder(w).Encode(a)
		default:
			<-r.Context().Done() // as a long poll without news
		}
	}))
	c := control.New(server.URL+"/", "")
	t.Cleanup(server.Close)
	t.Cleanup(c.Close)
	return c
}

func TestWaitingAsksAgainUntilThereIsNews(t *testing.T) {
	t.Parallel()
	c := stub(t, control.RuleAdded{ID: "rule_1"}, control.Waiting{Revision: 7},
		control.Waiting{Revision: 7},
		control.Waiting{Revision: 8, Calls: []control.Call{{ID: "call_1"}}})
	gate, err := c.Hold(t.Context(), control.Rule{Point: control.Arriving})
	if err != nil {
		t.Fatal(err)
	}
	calls, revision, err := gate.Waiting(t.Context(), 7)
	if err != nil || revision != 8 || len(calls) != 1 {
		t.Errorf("got %v, %d, %v, want the call of revision 8", calls, revision, err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := stub(t, control.RuleAdded{ID: "rule_1"})
	gate, err := c.Hold(t.Context(), control.Rule{Point: control.Arriving})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, err := gate.Waiting(ctx, 0)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

func TestAFeedThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"sequence":1,"id":"ch_1"}` + "\n" + `{"sequence":2,`))
	}))
	t.Cleanup(server.Close)
	c := control.New(server.URL, "")
	t.Cleanup(c.Close)
	charges, err := c.ChargesSoFar(t.Context())
	if err == nil {
		t.Errorf("got %v, want an error, since a charge is cut off", charges)
	}
}

func TestARefusalSaysWhy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	c := control.New(server.URL, "")
	t.Cleanup(c.Close)
	if _, err := c.Now(t.Context()); err == nil {
		t.Error("a 404 is a time")
	}
	if err := c.Reset(t.Context()); err == nil {
		t.Error("a 404 is a reset")
	}
}
