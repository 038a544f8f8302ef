package stripesim

import "testing"

func TestTheTableOfCurrenciesIsReadWhole(t *testing.T) {
	t.Parallel()
	if n := len(currencies()); n != 140 {
		t.Errorf("got %d currencies", n)
	}
	for code, c := range currencies() {
		if len(code) != 3 || c.decimals > 3 || c.step < 1 || c.least%max(1, c.step) != 0 {
			t.Errorf("%q: got %+v", code, c)
		}
	}
	for _, c := range []struct {
		minor      int64
		code, want string
	}{
		{1000, "usd", "$10.00"}, {5, "usd", "$0.05"}, {500, "jpy", "¥500"},
		{350, "chf", "CHF 3.50"}, {1230, "kwd", "KWD 1.230"},
	} {
		if got := money(c.minor, c.code); got != c.want {
			t.Errorf("%d %s: got %s, want %s", c.minor, c.code, got, c.want)
		}
	}
}
