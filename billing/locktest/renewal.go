package locktest

import "testing"

func renewedPastTTL(t testing.TB, f Fixture) {
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	lease := obtain(t, a, key)
	for range steps(f.TTL * 3 / 2) {
		wantValid(t, lease, "while it is held")
		refuse(t, b)
	}
	release(t, lease)
}

func renewalTriedAgain(t testing.TB, f Fixture) {
	if f.LoseAnswers == nil {
		t.Skip("the fixture can't lose answers")
	}
	lease := obtain(t, server(t, f, "server-a"), key)
	f.LoseAnswers("server-a", 1)
	for range steps(f.TTL * 3 / 2) {
		wantValid(t, lease, "though one renewal failed")
	}
}

func renewalRevivesNothing(t testing.TB, f Fixture) {
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	lease := obtain(t, a, key)
	f.Expire(key)
	for range steps(f.TTL) {
		if f.Held(key) {
			t.Fatalf("the key is back, though its lease was lost")
		}
	}
	wantInvalid(t, lease, "a TTL after its key was deleted")
	obtain(t, b, key)
}

func lateRenewal(t testing.TB, f Fixture) {
	a, b, c := server(t, f, "server-a"), server(t, f, "server-b"), server(t, f, "server-c")
	lost := obtain(t, a, key)
	f.Expire(key)
	next := obtain(t, b, key)
	for range steps(f.TTL) {
		wantValid(t, next, "while another server renews a lease that it lost")
	}
	wantInvalid(t, lost, "a TTL after it was lost")
	refuse(t, c)
}
