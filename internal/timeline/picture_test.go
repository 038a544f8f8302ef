package timeline_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/internal/timeline"
)

const (
	alice = "alice/2026-12"
	ms    = time.Millisecond
)

var servers = []string{"server-a", "server-b"}

// at is an event of a server so many milliseconds after midnight, of what took a while before it.
func at(after float64, server, name string, took float64) timeline.Event {
	midnight := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	return timeline.Event{
		Time: midnight.Add(time.Duration(after * float64(ms))), Name: name, Server: server,
		Invoice: alice, MS: took,
	}
}

func TestDrawPutsStepsOnAScale(t *testing.T) {
	t.Parallel()
	for _, test := range drawings() {
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

// drawing is a picture, and the events that it is made of.
type drawing struct {
	name   string
	events []timeline.Event
	length time.Duration
	lanes  []lane
}

func drawings() []drawing {
	other := at(5, "server-a", "charge.succeeded", 1)
	other.Invoice = "bob/2026-12"
	return []drawing{
		{"nothing", nil, 0, []lane{{"server-a", nil}, {"server-b", nil}}},
		{"an instant", []timeline.Event{at(10, "server-a", "invoice.skipped", 0)}, 0, []lane{
			{"server-a", []step{{timeline.Skip, 0, 0}}},
			{"server-b", nil},
		}},
		{
			"one server bills, one is kept out",
			[]timeline.Event{
				at(12, "server-a", "lease.obtained", 2),
				at(12, "server-a", "charge.sent", 0),
				at(13, "server-b", "lease.held", 2),
				at(13, "server-b", "invoice.skipped", 0),
				at(112, "server-a", "charge.succeeded", 100),
				at(115, "server-a", "ledger.recorded", 3),
				at(116, "server-a", "lease.released", 0.5),
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
			[]timeline.Event{
				at(20, "server-b", "charge.succeeded", 5),
				at(50, "server-a", "charge.unknown", 50),
			},
			50 * ms,
			[]lane{
				{"server-a", []step{{timeline.Fail, 0, 50 * ms}}},
				{"server-b", []step{{timeline.Charge, 15 * ms, 20 * ms}}},
			},
		},
		{
			"other invoices and other servers are left out",
			[]timeline.Event{
				other,
				at(1, "server-z", "charge.succeeded", 1),
				at(10, "server-a", "ledger.recorded", 1),
			},
			1 * ms,
			[]lane{{"server-a", []step{{timeline.Record, 0, 1 * ms}}}, {"server-b", nil}},
		},
		{
			"what no step ends with is left out",
			[]timeline.Event{at(0, "server-a", "charge.sent", 0), at(9, "server-a", "lease.renewed", 1)},
			0,
			[]lane{{"server-a", nil}, {"server-b", nil}},
		},
	}
}

func TestDrawTellsWhatWentWrong(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"charge.declined", "charge.unknown", "charge.not_sent", "intent.failed", "ledger.failed",
		"ledger.refused", "lease.failed", "lease.lost", "invoice.failed",
	} {
		e := at(0, "server-a", name, 0)
		got := timeline.Draw(alice, servers, []timeline.Event{e})
		want := []timeline.Step{{Kind: timeline.Fail, Event: e}}
		if !slices.Equal(got.Lanes[0].Steps, want) {
			t.Errorf("%s: got %v, want a failure", name, got.Lanes[0].Steps)
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
		got = append(got, l.Server)
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

func lanesOf(p timeline.Picture) []lane {
	var lanes []lane
	for _, l := range p.Lanes {
		one := lane{server: l.Server}
		for _, s := range l.Steps {
			one.steps = append(one.steps, step{s.Kind, s.From, s.To})
		}
		lanes = append(lanes, one)
	}
	return lanes
}
