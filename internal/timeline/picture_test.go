package timeline_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
)

const (
	alice = "alice/2026-12"
	ms    = time.Millisecond
)

var servers = []string{"server-a", "server-b"}

// at returns a server's event. after and took are in milliseconds; after counts from midnight.
func at(after float64, server string, kind event.Kind, took float64) event.Event {
	midnight := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	return event.Event{
		Time: midnight.Add(time.Duration(after * float64(ms))), Kind: kind, Server: server,
		Invoice: alice, MS: took,
	}
}

// outside returns an event from outside the servers. server is "" if it happens to none.
func outside(after float64, server string, kind event.Kind, what string) event.Event {
	e := at(after, server, kind, 0)
	e.Invoice, e.Reason = "", what
	return e
}

func TestDrawPutsStepsOnAScale(t *testing.T) {
	t.Parallel()
	for _, test := range append(drawings(), hurt()...) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := timeline.Draw(alice, servers, test.events)
			if got.Invoice != alice || got.Length != test.length {
				t.Errorf("got %s of %v, want %s of %v", got.Invoice, got.Length, alice, test.length)
			}
			if lanes := lanesOf(got); !reflect.DeepEqual(lanes, test.lanes) {
				t.Errorf("got %v\nwant %v", lanes, test.lanes)
			}
		})
	}
}

// drawing is a test case: events, and the picture that they make.
type drawing struct {
	name   string
	events []event.Event
	length time.Duration
	lanes  []lane
}

func drawings() []drawing {
	other := at(5, "server-a", event.ChargeSucceeded, 1)
	other.Invoice = "bob/2026-12"
	return []drawing{
		{"nothing", nil, 0, []lane{{"server-a", nil}, {"server-b", nil}}},
		{"an instant", []event.Event{at(10, "server-a", event.InvoiceSkipped, 0)}, 0, []lane{
			{"server-a", []step{{timeline.Skip, 0, 0}}},
			{"server-b", nil},
		}},
		{
			"one server bills, one is kept out",
			[]event.Event{
				at(12, "server-a", event.LeaseObtained, 2),
				at(12, "server-a", event.ChargeSent, 0),
				at(13, "server-b", event.LeaseHeld, 2),
				at(13, "server-b", event.InvoiceSkipped, 0),
				at(112, "server-a", event.ChargeSucceeded, 100),
				at(115, "server-a", event.LedgerRecorded, 3),
				at(116, "server-a", event.LeaseReleased, 0.5),
			},
			106 * ms,
			[]lane{
				{"server-a", []step{
					{timeline.Obtain, 0, 2 * ms},
					{timeline.Charge, 2 * ms, 102 * ms},
					{timeline.Record, 102 * ms, 105 * ms},
					{timeline.Release, 105*ms + 500*time.Microsecond, 106 * ms},
				}},
				{"server-b", []step{
					{timeline.Held, 1 * ms, 3 * ms},
					{timeline.Skip, 3 * ms, 3 * ms},
				}},
			},
		},
		{
			"what ends last may have begun first",
			[]event.Event{
				at(20, "server-b", event.ChargeSucceeded, 5),
				at(50, "server-a", event.ChargeUnknown, 50),
			},
			50 * ms,
			[]lane{
				{"server-a", []step{{timeline.Fail, 0, 50 * ms}}},
				{"server-b", []step{{timeline.Charge, 15 * ms, 20 * ms}}},
			},
		},
		{
			"other invoices and other servers are left out",
			[]event.Event{
				other,
				at(1, "server-z", event.ChargeSucceeded, 1),
				at(10, "server-a", event.LedgerRecorded, 1),
			},
			1 * ms,
			[]lane{{"server-a", []step{{timeline.Record, 0, 1 * ms}}}, {"server-b", nil}},
		},
		{
			"what no step ends with is left out",
			[]event.Event{
				at(9, "server-a", event.LeaseRenewed, 1), at(9, "server-a", "whatever", 1),
			},
			0,
			[]lane{{"server-a", nil}, {"server-b", nil}},
		},
	}
}

// hurt returns drawings of faults that happen to servers.
func hurt() []drawing {
	return []drawing{
		{
			"a request that nobody answers, and a server that is killed while it waits",
			[]event.Event{
				at(0, "server-a", event.ChargeSent, 0), at(4, "server-a", event.ChargeSent, 0),
				outside(9, "server-a", event.ServerKilled, ""),
				at(5, "server-b", event.ChargeSent, 0),
			},
			9 * ms,
			[]lane{
				{"server-a", []step{
					{timeline.Resend, 4 * ms, 4 * ms}, {timeline.Sent, 0, 9 * ms},
					{timeline.Kill, 9 * ms, 9 * ms},
				}},
				{"server-b", []step{{timeline.Sent, 5 * ms, 9 * ms}}},
			},
		},
		{
			"a server that is paused, is cut off and goes on",
			[]event.Event{
				outside(0, "server-a", event.ServerPaused, ""),
				outside(2, "server-a", event.LinkCut, "Redis"),
				outside(3, "server-a", event.LinkCut, "the ledger"),
				outside(5, "server-a", event.LinkHealed, "Redis"),
				outside(8, "server-a", event.ServerResumed, ""),
				outside(9, "server-b", event.ServerResumed, ""), // but it was never paused
			},
			9 * ms,
			[]lane{
				{"server-a", []step{
					{timeline.Cut, 2 * ms, 5 * ms}, {timeline.Pause, 0, 8 * ms},
					{timeline.Cut, 3 * ms, 9 * ms},
				}},
				{"server-b", nil},
			},
		},
	}
}

func TestDrawTellsWhatWentWrong(t *testing.T) {
	t.Parallel()
	for _, kind := range []event.Kind{
		event.ChargeDeclined, event.ChargeUnknown, event.ChargeNotSent, event.IntentFailed,
		event.LedgerFailed, event.LedgerRefused, event.LeaseFailed, event.InvoiceFailed,
	} {
		e := at(0, "server-a", kind, 0)
		got := timeline.Draw(alice, servers, []event.Event{e})
		want := []timeline.Step{{Kind: timeline.Fail, Event: e}}
		if !slices.Equal(got.Lanes[0].Steps, want) {
			t.Errorf("%s: got %v, want a failure", kind, got.Lanes[0].Steps)
		}
	}
}

func TestDrawTakesEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	events := threeServers()
	want := timeline.Draw(alice, servers, events)
	backwards := slices.Clone(events)
	slices.Reverse(backwards)
	before := slices.Clone(backwards)
	if got := timeline.Draw(alice, servers, backwards); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if !slices.Equal(backwards, before) {
		t.Error("the events that were given have changed")
	}
}

func TestDrawKeepsTheOrderOfTheServers(t *testing.T) {
	t.Parallel()
	order := []string{"server-z", "server-27", "server-a"}
	var got []string
	for _, l := range timeline.Draw(alice, order, threeServers()).Lanes {
		got = append(got, l.Name)
	}
	if !slices.Equal(got, order) {
		t.Errorf("got %v, want %v", got, order)
	}
}

// lane and step are a timeline.Lane and Step without their events.
type lane struct {
	server string
	steps  []step
}

type step struct {
	kind     timeline.Kind
	from, to time.Duration
}

func lanesOf(p timeline.Picture) []lane { return plain(p.Lanes) }

func plain(drawn []timeline.Lane) []lane {
	var lanes []lane
	for _, l := range drawn {
		one := lane{server: l.Name}
		for _, s := range l.Steps {
			one.steps = append(one.steps, step{s.Kind, s.From, s.To})
		}
		lanes = append(lanes, one)
	}
	return lanes
}
