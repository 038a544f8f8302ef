package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/web"
)

// ofThree returns runs in which three servers charge.
func ofThree() *fake { return &fake{charges: 3} }

func (a answer) has(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("%q is missing in %s", w, a.body)
		}
	}
}

func TestARunIsPlayedShownAndPutRight(t *testing.T) {
	t.Parallel()
	s := newSite(t, 3, ofThree)
	address := s.midnight("uncoordinated", "none")
	if n := s.until(address, isOver); n.Steps != 9 || !n.Refundable ||
		n.Status != "Alice paid $30.00 instead of $10.00: overcharged." ||
		!strings.HasPrefix(n.Detail, "As expected, 3 charges, 3 entries: ") {
		t.Errorf("the news are %+v", n)
	}
	s.get(address).has(t, "3 × $10.00 = $30.00", "overcharged", "Step 9 of 9",
		"charge 3: $10.00", "Read from Stripe")
	s.get(address+"?step=3").has(t, "1 × $10.00", "1 entry", "Step 3 of 9", "Counted from")
	s.get(address+"/steps/0").has(t, "nothing", "Step 0 of 9")
	if a := s.get(address + "/picture.svg"); a.header.Get("Content-Type") != "image/svg+xml" ||
		!strings.HasPrefix(a.body, "<svg") {
		t.Errorf("the picture is %v", a)
	}
	for range 2 { // the second refund has nothing to do
		if a := s.post(address+"/refund", url.Values{}); a.status != http.StatusSeeOther ||
			a.header.Get("Location") != address {
			t.Fatalf("the refund answered %d: %s", a.status, a.body)
		}
	}
	n := s.until(address, isOver)
	if n.Refundable || n.Status != "Refunded: Alice paid $30.00 and got $20.00 back: right." {
		t.Errorf("after the refund the news are %+v", n)
	}
	if got := strings.Count(s.get(address).body, "refunded pi_b"); got != 2 {
		t.Errorf("the page has %d refunds, want 2", got)
	}
}

func TestAStepThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, 3, ofThree)
	address := s.midnight("uncoordinated", "none")
	s.until(address, isOver)
	for _, path := range []string{"?step=-1", "?step=x", "/steps/-1", "/steps/1.5"} {
		if a := s.get(address + path); a.status != http.StatusBadRequest {
			t.Errorf("%s: it answered %d", path, a.status)
		}
	}
	s.get(address+"/steps/999").has(t, "Step 9 of 9")
}

func TestRunsAreOneAtATimeAndNotTooManyWait(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	s := newSite(t, 3, func() *fake { return &fake{charges: 1, goOn: goOn} })
	first := s.midnight("locked", "none")
	s.until(first, func(n news) bool { return n.Status == "Midnight." })
	var last string
	for range 8 {
		last = s.midnight("locked", "none")
	}
	n := s.until(last, func(news) bool { return true })
	if n.Status != "Waiting for the runs before it." {
		t.Errorf("the last is at %q", n.Status)
	}
	a := s.post("/runs", url.Values{"mode": {"locked"}, "fault": {"none"}})
	if a.status != http.StatusServiceUnavailable {
		t.Errorf("one more is answered with %d", a.status)
	}
	a.has(t, "too many runs are waiting")
	if got := len(s.runs()); got != 1 {
		t.Errorf("%d are played at a time", got)
	}
	if a := s.post(first+"/refund", url.Values{}); a.status != http.StatusConflict {
		t.Errorf("a refund in the middle of a run is answered with %d", a.status)
	}
	close(goOn)
	s.until(last, isOver)
}

func TestTheOldestRunsAreForgotten(t *testing.T) {
	t.Parallel()
	forever := make(chan struct{})
	played := 0
	s := newSite(t, 2, func() *fake {
		played++
		if played > 4 {
			return &fake{charges: 1, goOn: forever}
		}
		return ofThree()
	})
	var addresses []string
	for range 4 {
		address := s.midnight("uncoordinated", "none")
		s.until(address, isOver)
		addresses = append(addresses, address)
	}
	// A run's end is sent before the oldest run is evicted; the next run begins after that.
	s.until(s.midnight("uncoordinated", "none"), func(n news) bool { return n.Steps > 0 })
	for i, f := range s.runs()[:4] {
		status := s.get(addresses[i]).status
		if forgotten := i < 2; f.isClosed() != forgotten ||
			(status == http.StatusNotFound) != forgotten {
			t.Errorf("run %d is closed: %v, and answers %d", i, f.isClosed(), status)
		}
	}
	// The address still names the mode and the fault.
	a := s.get("/runs/fenced/late/long-ago")
	a.has(t, "no longer kept", "<option data-about=\"Like locked,", "selected>fenced<",
		"selected>late<")
}

func TestTheEndClosesAllRuns(t *testing.T) {
	t.Parallel()
	forever := make(chan struct{})
	plays := []*fake{{charges: 3}, {charges: 1, goOn: forever}}
	s := newSite(t, 2, func() *fake {
		f := plays[0]
		plays = plays[1:]
		return f
	})
	s.until(s.midnight("uncoordinated", "none"), isOver)
	s.until(s.midnight("locked", "none"), func(n news) bool { return n.Steps > 0 })
	s.midnight("locked", "none") // this one waits
	s.end()
	for i, f := range s.runs() {
		if !f.isClosed() {
			t.Errorf("run %d is open", i)
		}
	}
	if len(s.log) > 0 {
		t.Errorf("it complains: %q", s.log)
	}
}

func TestWhatCanNotBePlayedIsSaid(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func() *fake{
		"it can't begin": func() *fake { return nil },
		"it breaks":      func() *fake { return &fake{charges: 1, broken: errNoServices} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 2, next)
			address := s.midnight("locked", "none")
			n := s.until(address, isOver)
			if !strings.Contains(n.Status, "could not be played") || n.Refundable {
				t.Errorf("the news are %+v", n)
			}
			// The reason goes to the terminal only, since it may contain secrets.
			if page := s.get(address).body + n.Status; strings.Contains(page, secret) {
				t.Errorf("the secret is on the page: %s", page)
			}
			if len(s.log) != 1 || !strings.Contains(s.log[0], errNoServices.Error()) {
				t.Errorf("the log has %q", s.log)
			}
		})
	}
}

func TestWhatIsNoCellIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, ofThree)
	for cell, why := range map[string]string{
		"prayer/none":             "no such mode",
		"locked/flood":            "no such mode",
		"locked":                  "no such mode",
		"":                        "no such mode",
		"locked/redlock-majority": "does not apply to locked: the mode has one Redis node",
	} {
		a := s.post("/runs", url.Values{"cell": {cell}})
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s is answered with %d", cell, a.status)
		}
		a.has(t, why)
	}
	if got := len(s.runs()); got > 0 {
		t.Errorf("%d were played", got)
	}
}

func TestTheMatrixHasEveryCell(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, ofThree)
	a := s.get("/matrix")
	s.get("/?fault=late").has(t, "No protection: three servers",
		"Server-b fires after server-a has finished")
	a.has(t, `value="locked/pause"`, "O 2/2", "locked under pause: overcharged", "n/a")
	if strings.Contains(a.body, `value="locked/redlock-majority"`) {
		t.Error("a cell that can't be played can be pressed")
	}
}

func TestRecordingsAreWatchedLikeRuns(t *testing.T) {
	t.Parallel()
	f := ofThree()
	recording := web.Recording{Name: "found", Group: "locked", Run: timeline.Run{
		Title: "Found <b>", About: "As it says.", Verdict: "Bad.", Customer: "Alice",
		Servers: []string{"server-a", "server-b"}, Invoice: "alice/2026-12",
	}}
	f.tell = func(e event.Event) { recording.Events = append(recording.Events, e) }
	if err := f.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, 2, ofThree, recording)
	s.get("/").has(t, `href="/recordings"`)
	s.get("/recordings").has(t, "<h2>locked</h2>", `href="/recordings/found"`, "Found &lt;b&gt;")
	s.get("/recordings/found").has(t, "As it says.", "Bad.", "Step 8 of 8", "charge 2: $10.00")
	s.get("/recordings/found/steps/2").has(t, "Step 2 of 8")
	for _, path := range []string{"/recordings/lost", "/recordings/found/events"} {
		if a := s.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s is answered with %d", path, a.status)
		}
	}
	if a := newSite(t, 2, ofThree).get("/"); strings.Contains(a.body, "/recordings") {
		t.Error("there are no recordings, and a tab of them")
	}
}
