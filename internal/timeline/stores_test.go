package timeline_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
)

// taken returns an event of taking money with a PaymentIntent.
func taken(after float64, server string, kind event.Kind, intent string) event.Event {
	e := at(after, server, kind, 0)
	e.PaymentIntent = intent
	return charged(e)
}

func TestTheStoresShowWhoHeldWhatAndWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	for name, test := range stores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := plain(timeline.Draw(alice, servers, test.events).Stores)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v\nwant %v", got, test.want)
			}
		})
	}
}

// store is a test case: events, and the lanes of the stores that they make.
type store struct {
	events []event.Event
	want   []lane
}

func stores() map[string]store {
	naive := func(e event.Event) event.Event {
		e.Value = e.Server
		return e
	}
	gone := at(20, "", event.LeaseExpired, 0)
	return map[string]store{
		"nothing": {nil, nil},
		"a lease that expires, and another": {
			[]event.Event{
				lease(at(0, "server-a", event.LeaseObtained, 0)), gone,
				lease(at(30, "server-b", event.LeaseObtained, 0)),
				failing(at(35, "server-a", event.LeaseReleased, 0), "lease lost"),
				at(40, "server-b", event.LeaseReleased, 0),
			},
			[]lane{{timeline.Redis, []step{
				{timeline.Hold, 0, 20 * ms}, {timeline.Expire, 20 * ms, 20 * ms},
				{timeline.Hold, 30 * ms, 40 * ms},
			}}},
		},
		"a DEL that removes another's": {
			[]event.Event{
				naive(at(0, "server-a", event.LeaseObtained, 0)), gone,
				naive(at(30, "server-b", event.LeaseObtained, 0)),
				at(35, "server-a", event.LeaseReleased, 0),
				at(40, "server-b", event.LeaseReleased, 0),
			},
			[]lane{{timeline.Redis, []step{
				{timeline.Hold, 0, 20 * ms}, {timeline.Expire, 20 * ms, 20 * ms},
				{timeline.Hold, 30 * ms, 35 * ms},
			}}},
		},
		"two nodes lost of five, then three": {
			[]event.Event{
				lease(at(0, "server-a", event.LeaseObtained, 0)),
				outside(5, "", event.RedisDown, "2 of 5 nodes"),
				outside(9, "", event.RedisRestarted, "3 of 5 nodes"),
			},
			[]lane{{timeline.Redis, []step{
				{timeline.Break, 5 * ms, 5 * ms}, {timeline.Hold, 0, 9 * ms},
				{timeline.Restart, 9 * ms, 9 * ms},
			}}},
		},
		"a claim that another's entry settles": {
			[]event.Event{
				at(0, "server-a", event.ClaimTaken, 0), at(7, "server-b", event.LedgerRecorded, 0),
				at(8, "server-a", event.LedgerRefused, 0), at(9, "server-a", event.ClaimTaken, 0),
			},
			[]lane{{timeline.Ledger, []step{
				{timeline.Hold, 0, 7 * ms}, {timeline.Record, 7 * ms, 7 * ms},
				{timeline.Refuse, 8 * ms, 8 * ms}, {timeline.Hold, 9 * ms, 9 * ms},
			}}},
		},
		"what happens at Stripe": {
			[]event.Event{
				taken(1, "server-a", event.StripeCharged, "pi_1"),
				outside(2, "", event.StripeAdvanced, "25 hours pass"),
				outside(3, "", event.CardReplaced, ""),
			},
			[]lane{{timeline.Stripe, []step{
				{timeline.Take, 0, 0}, {timeline.Pass, 1 * ms, 1 * ms},
				{timeline.Replace, 2 * ms, 2 * ms},
			}}},
		},
	}
}

func TestChargesAreNumberedAsStripeTookThem(t *testing.T) {
	t.Parallel()
	told := []event.Event{
		taken(1, "server-b", event.StripeCharged, "pi_b"),
		taken(2, "server-a", event.StripeCharged, "pi_a"),
	}
	learned := []event.Event{
		taken(3, "server-a", event.ChargeSucceeded, "pi_a"),
		taken(4, "server-b", event.ChargeSucceeded, "pi_b"),
		taken(5, "server-b", event.ChargeSucceeded, "pi_a"), // the money was taken for a
	}
	for name, test := range map[string]struct {
		events       []event.Event
		a, b, stripe []int
	}{
		"as it tells": {slices.Concat(told, learned), []int{2}, []int{1, 0}, []int{1, 2}},
		"as they say": {learned, []int{1}, []int{2, 0}, []int{1, 2}},
	} {
		p := timeline.Draw(alice, servers, test.events)
		charged := 0
		for _, e := range test.events {
			if strings.HasPrefix(p.Sentence(e, "Alice"), "Charged Alice") {
				charged++
			}
		}
		if charged != 2 {
			t.Errorf("%s: Stripe took money twice; %d sentences say so", name, charged)
		}
		numbers := func(l timeline.Lane) (got []int) {
			for _, s := range l.Steps {
				got = append(got, s.Nth)
				if (s.Nth == 0) != (s.Kind == timeline.Answer) {
					t.Errorf("%s: %v is charge number %d", name, s.Kind, s.Nth)
				}
			}
			return got
		}
		a, b, stripe := numbers(p.Lanes[0]), numbers(p.Lanes[1]), numbers(p.Stores[0])
		if !slices.Equal(a, test.a) || !slices.Equal(b, test.b) ||
			!slices.Equal(stripe, test.stripe) {
			t.Errorf("%s: got %v, %v and %v at Stripe", name, a, b, stripe)
		}
	}
}
