package trial_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/internal/worker"
)

// work is one due run of a worker, and returns its exit status.
func work(name string, args []string) int {
	b := bill{amount: 1000, card: os.Getenv("PAYMENT_METHOD"), key: os.Getenv("STRIPE_SECRET_KEY")}
	others := os.Getenv("SERVER_NAME") != "server-a"
	switch name {
	case "plain":
	case "keyed":
		b.idempotency = "alice/2026-12"
	case "visa":
		b.card = "pm_card_visa"
	case "silent":
		return 0
	case "crash":
		fmt.Fprintln(os.Stderr, "no such table")
		return 3
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "hang":
		time.Sleep(time.Hour)
	case "wrong-key":
		b.key = "rk_nobody"
	case "billing":
		return failed(b.backend().Call(http.MethodPost, "/v1/invoices", b.key, nil,
			new(stripe.Invoice)))
	case "twice":
		return failed(b.charge()) + failed(b.charge())
	case "loud":
		b.idempotency = "alice/2026-12"
		fmt.Println(strings.Repeat(strings.Repeat("x", 1023)+"\n", 5<<10))
	case "parent":
		b.idempotency = "alice/2026-12"
		child := exec.Command("sleep", "1000")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			return failed(err)
		}
	case "other-amount":
		if b.idempotency = "alice/2026-12"; others {
			b.amount, b.idempotency = 1200, "alice/2026-12/new-price"
		}
	case "other-customer":
		if b.idempotency = "alice/2026-12"; others {
			return failed(b.chargeAnother())
		}
	case "serve":
		return failed(b.serve())
	case "trigger":
		resp, err := http.Post("http://127.0.0.1:"+os.Getenv("PORT"), "", nil)
		if err == nil {
			err = resp.Body.Close()
		}
		return failed(err)
	case "ours":
		return worker.Main(args, os.Stdout, os.Stderr)
	case "subscribe":
		return failed(subscribe())
	}
	return failed(b.charge())
}

func failed(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

type bill struct {
	amount                           int64
	card, key, idempotency, customer string
}

func (b bill) backend() stripe.Backend {
	return stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:               stripe.String(os.Getenv("STRIPE_API_BASE")),
		MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
}

// charge takes the amount once.
func (b bill) charge() error {
	params := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(b.amount), Currency: stripe.String("usd"),
		PaymentMethod: stripe.String(b.card), Confirm: stripe.Bool(true),
		OffSession: stripe.Bool(true),
	}
	if b.customer != "" {
		params.Customer = stripe.String(b.customer)
	}
	params.AddMetadata("invoice", "alice/2026-12")
	if b.idempotency != "" {
		params.SetIdempotencyKey(b.idempotency)
	}
	_, err := paymentintent.Client{B: b.backend(), Key: b.key}.New(params)
	return err
}

// chargeAnother takes it of another customer, for the same invoice.
func (b bill) chargeAnother() error {
	other, err := customer.Client{B: b.backend(), Key: b.key}.New(&stripe.CustomerParams{})
	if err != nil {
		return err
	}
	b.customer, b.card, b.idempotency = other.ID, "pm_card_visa", other.ID
	return b.charge()
}

// serve charges at each request.
func (b bill) serve() error {
	return http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"),
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if err := b.charge(); err != nil {
				w.WriteHeader(http.StatusBadGateway)
				_, _ = io.WriteString(w, err.Error())
			}
		}))
}
