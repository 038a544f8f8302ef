package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// news is sent to a browser that follows a run whenever the run changes.
type news struct {
	Steps      int    `json:"steps"`
	Status     string `json:"status"`
	Detail     string `json:"detail"`
	Over       bool   `json:"over"`       // no more steps will come
	Refundable bool   `json:"refundable"` // there is something to refund or record
}

// follow sends a run's changes to a browser as server-sent events, until the run is no longer kept,
// the browser leaves or the site ends.
func (s *Site) follow(w http.ResponseWriter, r *http.Request, ones ...watched) {
	played, ok := ones[0].(*run)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for {
		m := played.now()
		n := news{Steps: len(m.events), Refundable: m.refundable(), Over: m.ended()}
		n.Status, n.Detail = played.status(m)
		line, err := json.Marshal(n)
		if err == nil {
			_, err = fmt.Fprintf(w, "data: %s\n\n", line)
		}
		if err != nil || flush.Flush() != nil || m.state == gone {
			return
		}
		select {
		case <-m.changed:
		case <-r.Context().Done():
			return
		}
	}
}
