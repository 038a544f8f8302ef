package stripecharge_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

func TestOnlyKeysOfTestModeAreTaken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key string
		ok  bool
	}{
		{"sk_test_4eC39HqLyjWDarjtT1zdp7dc", true},
		{"rk_test_4eC39HqLyjWDarjtT1zdp7dc", true},
		{stripecharge.SimulatorKey, true},
		{"sk_live_4eC39HqLyjWDarjtT1zdp7dc", false},
		{"rk_live_4eC39HqLyjWDarjtT1zdp7dc", false},
		{"pk_test_4eC39HqLyjWDarjtT1zdp7dc", false},
		{" sk_live_4eC39HqLyjWDarjtT1zdp7dc", false},
		{"SK_TEST_4eC39HqLyjWDarjtT1zdp7dc", false},
		{"4eC39HqLyjWDarjtT1zdp7dc", false},
		{"", false},
		// What a file mounted as a secret ends with; net/http would refuse it at the first charge.
		{"sk_test_4eC39HqLyjWDarjtT1zdp7dc\n", false},
		{"sk_test_4eC39HqL\tDarjtT1zdp7dc", false},
		{"sk_test_4eC39HqLyjWDarjtT1zdp7dcé", false},
	} {
		_, err := stripecharge.New(stripecharge.Options{Key: test.key})
		if (err == nil) != test.ok {
			t.Errorf("%q: got %v; want it taken: %t", test.key, err, test.ok)
		}
		if err != nil && strings.Contains(err.Error(), "4eC39HqL") {
			t.Errorf("%q is in the error: %v", test.key, err)
		}
	}
}

func TestAnAddressThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"":                        true,
		"http://127.0.0.1:12111":  true,
		"https://stripe.test/":    true,
		"127.0.0.1:12111":         false,
		"localhost:12111":         false,
		"http://":                 false,
		"ftp://127.0.0.1:12111":   false,
		"http://127.0.0.1:port":   false,
		"http://127.0.0.1:1\x7f/": false,
	} {
		_, err := stripecharge.New(stripecharge.Options{Key: stripecharge.SimulatorKey, URL: url})
		if (err == nil) != ok {
			t.Errorf("%q: got %v; want it taken: %t", url, err, ok)
		}
	}
}

// Whatever answers: a 401 of Stripe's, which names the key, or somebody who repeats all he gets.
func TestTheKeyIsPartOfNoError(t *testing.T) {
	t.Parallel()
	const key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
	answers := map[string]http.HandlerFunc{
		"a 401": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error",`+
				`"message":"Invalid API Key provided: `+key+`"}}`)
		},
		"an echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_ = r.Header.Write(w)
		},
		"an echo in JSON": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"you_sent":"`+r.Header.Get("Authorization")+`"}`)
		},
		"nobody": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(answer)
			t.Cleanup(s.Close)
			c := hurriedClient(t, stripecharge.Options{Key: key, URL: s.URL})
			_, charging := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
			_, settingUp := c.SetUp(t.Context(), alice("pm_card_visa"))
			var listing error
			for _, listing = range c.AllIntents(t.Context(), time0, time.Time{}) {
			}
			for _, err := range []error{charging, settingUp, listing} {
				if err == nil || strings.Contains(err.Error(), key) {
					t.Errorf("got %v, want an error without the key", err)
				}
			}
		})
	}
}

func TestCloseLeavesNoConnection(t *testing.T) {
	t.Parallel()
	d := newDropper(t)
	c := newClient(t, stripecharge.Options{URL: d.url})
	_, err := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
	must(t, err)
	c.Close()
	// On a connection that was kept, the second request would be dropped, and cost an attempt.
	var asking lease
	_, err = c.Charge(t.Context(),
		billing.Request{Invoice: unknownInvoice(t), Valid: asking.valid})
	must(t, err)
	if asking.asked != 1 {
		t.Errorf("asked for the lease %d times, want 1: the connection was closed", asking.asked)
	}
}
