package stripesim

import "testing"

func TestTheTableOfCurrenciesIsReadWhole(t *testing.T) {
	t.Parallel()
	if n := len(currencies()); n != 140 {
		t.Errorf("got %d currencies", n)
	}
	for code, c := range currencies() {
		if len(code) != 3 || c.step < 1 || c.least%max(1, c.step) != 0 {
			t.Errorf("%q: got %+v", code, c)
		}
	}
}
