package ledger_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestMain(m *testing.M) { servicetest.Main(m) }

// open opens a ledger in a new schema. It retries for an hour, so a test hangs if the ledger
// retries what can't succeed.
func open(t *testing.T) *ledger.Store {
	t.Helper()
	o := ledger.Options{Recorder: "server-a", Timeout: time.Hour}
	return openAt(t, servicetest.Database(t), o)
}

func openAt(t *testing.T, databaseURL string, o ledger.Options) *ledger.Store {
	t.Helper()
	s, err := ledger.Open(t.Context(), databaseURL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// connect opens a connection that bypasses the ledger.
func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// withSearchPath returns the URL with another search_path.
func withSearchPath(t *testing.T, databaseURL, schema string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

func userOf(role string) *url.Userinfo { return url.UserPassword(role, "secret") }

// charge returns a charge for a subscription's December invoice.
func charge(paymentIntent, subscription string, amountMinor int64) billing.Charge {
	return billing.Charge{
		Invoice:       billingtest.Invoice(subscription),
		PaymentIntent: paymentIntent,
		AmountMinor:   amountMinor,
		Currency:      "usd",
	}
}

func mustRecord(t *testing.T, l billing.Ledger, charges ...billing.Charge) {
	t.Helper()
	for _, c := range charges {
		if err := l.Record(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// charges returns the number of charges of an invoice in the ledger's audit.
func charges(t *testing.T, s *ledger.Store, inv billing.Invoice) int {
	t.Helper()
	audit, err := s.Audit(t.Context(), inv.Period)
	if err != nil {
		t.Error(err)
	}
	n := 0
	for _, line := range audit.Invoices {
		if line.Subscription == inv.Subscription.ID {
			n += line.Charges
		}
	}
	return n
}
