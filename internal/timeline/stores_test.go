package timeline_test

import (
	"reflect"
	"slices"
	"testing"

	"example.com/triplecharge/internal/timeline"
)

// taken is an event of money, for a PaymentIntent.
func taken(after float64, server, name, intent string) timeline.Event {
	e := at(after, server, name, 0)
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

// store is what a picture shows of the stores, and the events that it is made of.
type store struct {
	events []timeline.Event
	want   []lane
}

func stores() map[string]store {
	naive := func(e timeline.Event) timeline.Event {
		e.Value = e.Server
		return e
	}
	gone := at(20, "", timeline.LeaseExpired, 0)
	return map[string]store{
		"nothing": {nil, nil},
		"a lease that expires, and another": {
			[]timeline.Event{
				lease(at(0, "server-a", "lease.obtained", 0)), gone,
				lease(at(30, "server-b", "lease.obtained", 0)),
				failing(at(35, "server-a", "lease.released", 0), "lease lost"),
				at(40, "server-b", "lease.released", 0),
			},
			[]lane{{timeline.Redis, []step{
				{timeline.Hold, 0, 20 * ms}, {timeline.Expire, 20 * ms, 20 * ms},
				{timeline.Hold, 30 * ms, 40 * ms},
			}}},
		},
		"a DEL that removes another's": {
			[]timeline.Event{
				naive(at(0, "server-a", "lease.obtained", 0)), gone,
				naive(at(30, "server-b", "lease.obtained", 0)),
				at(35, "server-a", "lease.released", 0), at(40, "server-b", "lease.released", 0),
			},
			[]lane{{timeline.Redis, []step{
				{timeline.Hold, 0, 20 * ms}, {timeline.Expire, 20 * ms, 20 * ms},
				{timeline.Hold, 30 * ms, 35 * ms},
			}}},
		},
		"two nodes lost of five, then three": {
			[]timeline.Event{
				lease(at(0, "server-a", "lease.obtained", 0)),
				outside(5, "", timeline.RedisDown, "2 of 5 nodes"),
				outside(9, "", timeline.RedisRestarted, "3 of 5 nodes"),
			},
			[]lane{{timeline.Redis, []step{
				{timeline.Break, 5 * ms, 5 * ms}, {timeline.Hold, 0, 9 * ms},
				{timeline.Restart, 9 * ms, 9 * ms},
			}}},
		},
		"a claim that another's entry settles": {
			[]timeline.Event{
				at(0, "server-a", "claim.taken", 0), at(7, "server-b", "ledger.recorded", 0),
				at(8, "server-a", "ledger.refused", 0), at(9, "server-a", "claim.taken", 0),
			},
			[]lane{{timeline.Ledger, []step{
				{timeline.Hold, 0, 7 * ms}, {timeline.Record, 7 * ms, 7 * ms},
				{timeline.Refuse, 8 * ms, 8 * ms}, {timeline.Hold, 9 * ms, 9 * ms},
			}}},
		},
		"what happens at Stripe": {
			[]timeline.Event{
				taken(1, "server-a", timeline.StripeCharged, "pi_1"),
				outside(2, "", timeline.StripeAdvanced, "25 hours pass"),
				outside(3, "", timeline.CardReplaced, ""),
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
	told := []timeline.Event{
		taken(1, "server-b", timeline.StripeCharged, "pi_b"),
		taken(2, "server-a", timeline.StripeCharged, "pi_a"),
	}
	learned := []timeline.Event{
		taken(3, "server-a", "charge.succeeded", "pi_a"),
		taken(4, "server-b", "charge.succeeded", "pi_b"),
		taken(5, "server-b", "charge.succeeded", "pi_a"), // the money was taken for a
	}
	for name, test := range map[string]struct {
		events       []timeline.Event
		a, b, stripe []int
	}{
		"as it tells": {slices.Concat(told, learned), []int{2}, []int{1, 0}, []int{1, 2}},
		"as they say": {learned, []int{1}, []int{2, 0}, []int{1, 2}},
	} {
		p := timeline.Draw(alice, servers, test.events)
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
		if !slices.Equal(a, test.a) || !slices.Equal(b, test.b) || !slices.Equal(stripe, test.stripe) {
			t.Errorf("%s: got %v, %v and %v at Stripe", name, a, b, stripe)
		}
	}
}
