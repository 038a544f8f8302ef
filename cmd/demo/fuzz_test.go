package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"example.com/triplecharge/internal/stripesim"
)

// FuzzSubscriptions holds what is read of any file to what the ledger and Stripe take.
func FuzzSubscriptions(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "id,customer,amount,currency,payment method\n",
		"alice,Alice,1000,usd,pm_card_visa\n", "alice;Alice;1000;usd;pm_card_visa\r\n",
		"\xef\xbb\xbfalice\tAlice\t1000\tusd\tpm_card_visa", "# none\na,\"A\n\",1,usd,pm",
		"\xff\xfea\x00,\x00b\x00,\x005\x000\x000\x00,\x00u\x00s\x00d\x00,\x00p\x00",
		"a,\x00,1000,usd,pm", "a,\xff,1000,usd,pm", "a,b,9223372036854775808,usd,pm",
		"a,b,100000000,usd,pm", "a,\"b", "a,b,1000,usd,pm\na,b,1000,usd,pm", ",,,,", "id",
		"a," + strings.Repeat("b", 100_000) + ",1000,usd,pm",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		list, err := parseSubscriptions(bytes.NewReader(file))
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("got %d subscriptions and %v", len(list), err)
		}
		seen := map[string]bool{}
		for _, s := range list {
			if err := s.Validate(); err != nil || seen[s.ID] {
				t.Errorf("%+v was taken: %v", s, err)
			}
			if err := stripesim.CheckAmount(s.AmountMinor, s.Currency); err != nil {
				t.Errorf("%+v was taken: %v", s, err)
			}
			for _, text := range []string{s.Customer, s.PaymentMethod} {
				if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
					t.Errorf("%q was taken", text)
				}
			}
			seen[s.ID] = true
		}
	})
}
