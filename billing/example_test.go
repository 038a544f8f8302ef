package billing_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// At midnight the schedule fires on all three servers, and nothing coordinates them.
func Example_tripleCharge() {
	midnight("uncoordinated")
	// Output:
	// Alice owes $10
	// charges at Stripe: 3
	// entries in the ledger: 3
	// Alice has paid $30
}

// The same three servers, each of which has to obtain the invoice's lease first.
func Example_locked() {
	midnight("locked")
	// Output:
	// Alice owes $10
	// charges at Stripe: 1
	// entries in the ledger: 1
	// Alice has paid $10
}

// midnight makes the due run of 1 December on three servers at once, and prints what Alice paid.
func midnight(modeName string) {
	midnight := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	alice := billing.Subscription{
		ID: "alice", Customer: "cus_alice", PaymentMethod: "pm_card_visa",
		AmountMinor: 1000, Currency: "usd",
	}

	// What the servers share: a Stripe, a ledger and a lock, here in memory.
	var (
		stripe cards
		ledger billingtest.MemoryLedger
		locker billingtest.MemoryLocker
	)
	mode, err := billing.ModeNamed(modeName)
	if err != nil {
		fmt.Println(err)
		return
	}

	var servers sync.WaitGroup
	for _, name := range []string{"server-a", "server-b", "server-c"} {
		worker := billing.Worker{
			Server:   name,
			Invoices: billingtest.NewMemoryInvoices(alice),
			Mode: mode.New(billing.Ports{
				Ledger: &ledger, Charger: &stripe, Locker: &locker,
			}),
			Concurrency: 1,
			Report:      func(billing.Invoice, billing.Outcome, error) {},
		}
		servers.Go(func() {
			_, err := worker.DueRun(context.Background(), billing.PeriodOf(midnight))
			if err != nil {
				fmt.Println(err)
			}
		})
	}
	servers.Wait()

	invoice := billing.Invoice{Subscription: alice, Period: billing.PeriodOf(midnight)}
	fmt.Printf("Alice owes $%d\n", alice.AmountMinor/100)
	fmt.Printf("charges at Stripe: %d\n", stripe.charges)
	fmt.Printf("entries in the ledger: %d\n", len(ledger.Charges(invoice)))
	fmt.Printf("Alice has paid $%d\n", stripe.paidMinor/100)
}

// cards is the least of a Stripe: each request that it gets takes money.
type cards struct {
	mu        sync.Mutex
	charges   int
	paidMinor int64
}

func (c *cards) Charge(_ context.Context, r billing.Request) (billing.Charge, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sub := r.Invoice.Subscription
	c.charges++
	c.paidMinor += sub.AmountMinor
	return billing.Charge{
		Invoice: r.Invoice, PaymentIntent: fmt.Sprintf("pi_%d", c.charges),
		AmountMinor: sub.AmountMinor, Currency: sub.Currency,
	}, nil
}
