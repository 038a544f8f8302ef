package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
)

// feed hands each event on to who follows the server: GET /events. It keeps nothing: who follows
// sees what happens from then on. While nobody does, it costs nothing.
type feed struct {
	mu        sync.Mutex
	followers []chan []byte
}

// feedLength is how many events a follower may be behind: a few invoices' worth.
const feedLength = 1024

// Write takes in a line. A follower that is too far behind is let go: the server does not wait for
// it, and a gap would go unnoticed.
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

// feedHandler writes records for a feed, as long as somebody follows it.
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

// serve answers GET /events with each event that happens from now on, a line of JSON each, until
// the one who asked or the server is gone.
func (f *feed) serve(server context.Context) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lines := f.follow()
		defer f.leave(lines)
		w.Header().Set("Content-Type", "application/x-ndjson")
		response := http.NewResponseController(w)
		for {
			if response.Flush() != nil { // at first, it says that all from here on will come
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
