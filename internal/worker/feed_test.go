package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"example.com/triplecharge/internal/event"
)

func TestWhoFollowsAServerSeesItsEvents(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/events", nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+testToken)
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	// The answer's headers have arrived, so no event is missed from now on.
	s.send(t, http.MethodPost, "/runs", "")
	close(s.goOn)
	lines := bufio.NewScanner(answer.Body)
	for _, want := range []event.Kind{event.RunStarted, event.RunFinished} {
		if !lines.Scan() {
			t.Fatalf("the events ended before %s: %v", want, lines.Err())
		}
		var e event.Event
		must(t, json.Unmarshal(lines.Bytes(), &e))
		if e.Kind != want || e.Server != "server-a" {
			t.Errorf("got %s, want %s of server-a", lines.Text(), want)
		}
	}
	s.stop()
	if lines.Scan() {
		t.Errorf("after the server's end it says %s", lines.Text())
	}
	if answer.StatusCode != http.StatusOK || s.runs.events.feed.followed() {
		t.Errorf("it answered %s, and is still followed", answer.Status)
	}
}

func TestFollowingNeedsTheToken(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, func(a *api) { a.token = "another" })
	if got := s.send(t, http.MethodGet, "/events", "").Status; got != http.StatusUnauthorized {
		t.Errorf("it answered %d", got)
	}
}

func TestWhoIsTooSlowIsLetGo(t *testing.T) {
	t.Parallel()
	f := &feed{}
	log := slog.New(feedHandler{slog.NewJSONHandler(f, nil), f}).With("server", "a").WithGroup("g")
	if log.Enabled(context.Background(), slog.LevelInfo) {
		t.Error("nobody follows, and it is written")
	}
	slow, quick := f.follow(), f.follow()
	for range feedLength + 1 {
		log.Info("x")
		<-quick
	}
	for range feedLength {
		<-slow
	}
	if _, open := <-slow; open {
		t.Error("there is more for one that was too slow")
	}
	f.leave(quick)
	f.leave(slow) // although it was disconnected already
	if f.followed() {
		t.Error("somebody follows still")
	}
}
