package stripesim

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestTheTableOfCardsIsReadWhole: a misspelled property would otherwise change a card silently.
func TestTheTableOfCardsIsReadWhole(t *testing.T) {
	t.Parallel()
	d := json.NewDecoder(bytes.NewReader(cardsFile))
	d.DisallowUnknownFields()
	var tables cardTables
	if err := d.Decode(&tables); err != nil {
		t.Fatal(err)
	}
	if good, special := len(tables.Good), len(tables.Special); good != 19 || special != 26 {
		t.Errorf("got %d good and %d special cards", good, special)
	}
	for _, cards := range []map[string]testCard{tables.Good, tables.Special} {
		for name, row := range cards {
			if c, ok := numberCard(row.Number); !ok || c.outcome != row.outcome {
				t.Errorf("%s: the card of its number is %+v, %t", name, c, ok)
			}
			if fails := row.Unsaved || row.Blocked || row.Decline != ""; fails && row.Code == "" {
				t.Errorf("%s fails without a code", name)
			}
		}
	}
}
