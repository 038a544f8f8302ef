package worker

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// scheduler is an agenda whose runs begin and end when the test lets them.
type scheduler struct {
	agenda
	*node
	billing chan billing.Invoice
	goOn    chan struct{} // receives once for each run
}

// newScheduler returns the agenda of a server that starts at that time, on Alice's ledger.
func newScheduler(t *testing.T, store *ledger.Store, schedule, mode, now string) *scheduler {
	t.Helper()
	s := &scheduler{
		node:    &node{t: t, eventLog: newEventLog(), done: make(chan error)},
		billing: make(chan billing.Invoice), goOn: make(chan struct{}),
	}
	p := scheduled(t, schedule, time.UTC)
	var err error
	p.mode, err = billing.ModeNamed(mode)
	must(t, err)
	c := Config{Name: "server-a", Mode: mode, LogFormat: "json"}
	events := newEvents(s.eventLog, c)
	t.Cleanup(func() {
		events.close()
		s.eventLog.close()
		s.wantKnownFields(t)
	})
	s.agenda = agenda{plan: p, runs: newRuns(billing.Worker{
		Server:      "server-a",
		Invoices:    billingtest.NewMemoryInvoices(billingtest.Subscription("alice")),
		Mode:        slowMode{s.billing, s.goOn},
		Concurrency: 1,
	}, &hold{events: events})}
	s.runs.record, s.runs.zone = store, time.UTC
	must(t, s.agenda.begin(t.Context(), utc(t, now)))
	return s
}

func utc(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateTime, s)
	must(t, err)
	return at
}

func ownLedger(t *testing.T) *ledger.Store {
	t.Helper()
	store, err := ledger.Open(
		t.Context(), servicetest.Database(t), ledger.Options{Recorder: "test"})
	must(t, err)
	t.Cleanup(store.Close)
	return store
}

// begins wants a run of the period to begin now, if there is one; "" wants none.
func (s *scheduler) begins(t *testing.T, period string) {
	t.Helper()
	select {
	case <-s.ready():
		s.agenda.start(t.Context())
		if inv := <-s.billing; inv.Period.String() != period {
			t.Fatalf("a run of %s began, want %q", inv.Period, period)
		}
	default:
		if period != "" {
			t.Fatalf("no run began, want %s", period)
		}
	}
}

// ends lets the run end.
func (s *scheduler) ends() {
	over := s.runs.over()
	s.goOn <- struct{}{}
	<-over
}

func TestARunThatAnotherOneOverlapsIsMadeUpFor(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, ownLedger(t), "0 0 1 * *", "locked", "2027-01-31 23:59:00")
	// Somebody bills January again, and that takes longer than until midnight, and a month.
	_, err := s.runs.start(t.Context(), utc(t, "2027-01-01 00:00:00"))
	must(t, err)
	<-s.billing
	s.tick(t.Context(), utc(t, "2027-02-01 00:00:00"))
	s.tick(t.Context(), utc(t, "2027-03-01 00:00:00"))
	var told []string
	for e := range s.lines(0) {
		if e.Msg == event.RunLate {
			told = append(told, e.Reason)
		}
		if len(told) == 2 {
			break
		}
	}
	for i, month := range []string{"2027-02", "2027-03"} {
		if !strings.HasPrefix(told[i], month+"-01T00:00:00Z: ") {
			t.Errorf("got %q, want to be told of %s", told, month)
		}
		s.ends()
		s.begins(t, month)
	}
	s.ends()
	s.begins(t, "")
}

func TestOfTheTimesThatComeDuringARunOneAPeriodIsMadeUpFor(t *testing.T) {
	t.Parallel()
	s := newScheduler(t, ownLedger(t), "* * * * *", "locked", "2027-01-31 23:50:00")
	s.tick(t.Context(), utc(t, "2027-01-31 23:51:00"))
	s.begins(t, "2027-01")
	s.tick(t.Context(), utc(t, "2027-01-31 23:52:00"))
	s.tick(t.Context(), utc(t, "2027-01-31 23:53:00"))
	s.ends()
	s.begins(t, "2027-01")
	s.ends()
	s.begins(t, "")
}

func TestAModeThatDoesNotAskTheLedgerMakesUpForNothing(t *testing.T) {
	t.Parallel()
	store := ownLedger(t)
	s := newScheduler(t, store, "0 0 1 * *", "naive-lock", "2027-01-31 23:59:00")
	if e := s.wait(event.ScheduleSet, ""); !strings.Contains(e.Reason, "not made up for") {
		t.Errorf("got %+v, want to be told", e)
	}
	s.tick(t.Context(), utc(t, "2027-02-01 00:00:00"))
	<-s.billing
	s.tick(t.Context(), utc(t, "2027-03-01 00:00:00"))
	if e := s.wait(event.RunSkipped, ""); !strings.HasPrefix(e.Error, "2027-03-01T00:00:00Z: ") {
		t.Errorf("got %+v, want to be told of March", e)
	}
	s.ends()
	s.begins(t, "")
	newScheduler(t, store, "0 0 1 * *", "naive-lock", "2027-03-02 00:00:00").begins(t, "")
}

func TestAServerThatWasDownAtMidnightMakesUpForIt(t *testing.T) {
	t.Parallel()
	store := ownLedger(t)
	start := func(now string) *scheduler {
		return newScheduler(t, store, "0 0 1 * *", "locked", now)
	}
	start("2027-01-20 00:00:00").begins(t, "") // January is not of this ledger
	start("2027-01-31 23:59:00").begins(t, "")
	s := start("2027-02-01 00:05:00")
	if e := s.wait(event.RunLate, ""); !strings.HasPrefix(e.Reason, "2027-02-01T00:00:00Z: ") {
		t.Errorf("got %+v, want to be told of February", e)
	}
	s.begins(t, "2027-02")
	s.ends()
	start("2027-02-01 00:06:00").begins(t, "")
	// While a machine is suspended, its timers stand still: here from February to April.
	s.tick(t.Context(), utc(t, "2027-04-10 00:00:00"))
	s.begins(t, "2027-04")
	s.ends()
	s.begins(t, "")
	if next := s.next; !next.Equal(utc(t, "2027-05-01 00:00:00")) {
		t.Errorf("the next time is %s, want May", next)
	}
}

func TestTheLastScheduledTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schedule, now, want string }{
		{"0 0 1 * *", "2027-02-01 00:00:00", "2027-02-01 00:00:00"},
		{"0 0 1 * *", "2027-01-31 23:59:59", "2027-01-01 00:00:00"},
		{"* * * * * *", "2027-01-31 23:59:59", "2027-01-31 23:59:59"},
		{"* * 1 1 *", "2027-02-20 00:00:00", "2027-01-01 23:59:00"},
		{"0 0 1 7 *", "2027-06-30 00:00:00", "2026-07-01 00:00:00"},
		{"0 0 29 2 *", "2027-01-01 00:00:00", "2024-02-29 00:00:00"},
		{"@every 1h", "2027-01-01 00:00:00", ""},
	} {
		p := scheduled(t, test.schedule, time.UTC)
		var want time.Time
		if test.want != "" {
			want = utc(t, test.want)
		}
		if got := p.last(utc(t, test.now)); !got.Equal(want) {
			t.Errorf("%s at %s: got %s, want %s", test.schedule, test.now, got, test.want)
		}
	}
}

// A card that was declined in December is tried again in January, and whoever subscribed since owes
// January only.
func TestALaterRunBillsArrears(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode    string
		catchUp int
		want    verdict.Counts // of Alice's December
	}{
		{"locked", 2, billedOnce}, {"exactly-once", 1, billedOnce},
		{"locked", 0, verdict.Counts{}}, {"uncoordinated", 2, verdict.Counts{}},
	} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, map[string]string{"alice": "pm_card_chargeCustomerFail"})
			c := w.config("server-a", test.mode)
			c.CatchUp = test.catchUp
			n := start(t, c)
			if got := n.run(); got.Declined != 1 {
				t.Fatalf("got %+v, want a decline", got)
			}
			w.add("alice", "pm_card_visa")
			w.add("bob", "pm_card_visa")
			started, err := ask(t.Context(), n.url, http.MethodPost, "/runs",
				`{"at":"2027-01-01T00:00:00Z"}`)
			must(t, err)
			got := n.ask(http.MethodGet, started.Location+"?wait=true").RunView
			if got.Billed != 2+test.want.Charges || got.Period != "2027-01" {
				t.Errorf("got %+v, want January, and Alice's December %v", got, test.want)
			}
			w.want("alice", test.want)
			w.want("bob", verdict.Counts{})
			// Once more: nothing is open.
			if test.want == billedOnce {
				if got := n.run(); got.Billed != 1 || got.AlreadyBilled != 1 {
					t.Errorf("December again: got %+v, want Bob's, who is here now", got)
				}
			}
		})
	}
}
