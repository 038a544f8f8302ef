package worker

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
)

// feed passes each event on to the followers of GET /events. It keeps no events: a follower gets
// only those logged after it connected. Without followers it costs nothing.
type feed struct {
	mu        sync.Mutex
	followers []chan []byte
}

// feedLength is how many events a follower may lag behind: those of a few invoices.
const feedLength = 1024

// Write passes a line on. A follower that lags too far behind is disconnected: the server doesn't
// wait for it, and it would not notice a gap.
func (f *feed) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers = slices.DeleteFunc(f.followers, func(c chan []byte) bool {
		select {
		case c <- slices.Clone(line):
			return false
		default:
			close(c)
			return true
		}
	})
	return len(line), nil
}

func (f *feed) follow() chan []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan []byte, feedLength)
	f.followers = append(f.followers, c)
	return c
}

func (f *feed) leave(c chan []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers = slices.DeleteFunc(f.followers, func(other chan []byte) bool { return other == c })
}

func (f *feed) followed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.followers) > 0
}

// feedHandler formats records for a feed while it has followers.
type feedHandler struct {
	slog.Handler
	feed *feed
}

func (h feedHandler) Enabled(context.Context, slog.Level) bool { return h.feed.followed() }

func (h feedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return feedHandler{h.Handler.WithAttrs(attrs), h.feed}
}

func (h feedHandler) WithGroup(name string) slog.Handler {
	return feedHandler{h.Handler.WithGroup(name), h.feed}
}

// serve answers GET /events with the events from now on, one line of JSON each, until the client
// disconnects or the server stops.
func (f *feed) serve(server context.Context) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lines := f.follow()
		defer f.leave(lines)
		w.Header().Set("Content-Type", "application/x-ndjson")
		response := http.NewResponseController(w)
		for {
			if response.Flush() != nil { // the first sends the headers: no event is missed now
				return
			}
			select {
			case line, open := <-lines:
				if _, err := w.Write(line); err != nil || !open {
					return
				}
			case <-r.Context().Done():
				return
			case <-server.Done():
				return
			}
		}
	}
}
