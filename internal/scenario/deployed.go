package scenario

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/verdicts"
	"example.com/triplecharge/ledger"
)

// Deployed is a scenario on servers that somebody else has started, such as compose.
type Deployed struct {
	Mode          string   // the one the servers run
	Servers       []string // their URLs
	Token         string   // their WORKER_TOKEN
	DatabaseURL   string   // their ledger's
	StripeURL     string   // their Stripe's; "" for the real one
	StripeKey     string
	Subscriptions []billing.Subscription
	At            time.Time // the logical due time the servers were started with, in UTC
}

// Audit sets the customers up, fires all servers at once, waits for their due runs to end and
// judges. The Result has no picture: the servers' events are in their own logs.
func (d Deployed) Audit(ctx context.Context) (result Result, err error) {
	result = Result{Mode: d.Mode, Fault: verdicts.None}
	servers, err := d.resolve(ctx)
	if err != nil {
		return result, err
	}
	result.Servers = len(servers)
	if err := result.expect(); err != nil {
		return result, err
	}
	b, err := d.books(ctx)
	if err != nil {
		return result, err
	}
	defer b.close()
	if err := b.open(ctx); err != nil {
		return result, err
	}
	if err := fire(ctx, servers); err != nil {
		return result, err
	}
	result.Accounts, err = b.accounts(ctx)
	return result, err
}

// books are the two sides of the servers' first billing period. The caller closes them.
func (d Deployed) books(ctx context.Context) (b books, err error) {
	b = books{subscriptions: d.Subscriptions, period: billing.PeriodOf(d.At)}
	if d.StripeURL == "" {
		b.tag()
	}
	b.stripe, err = stripecharge.New(stripecharge.Options{Key: d.StripeKey, URL: d.StripeURL})
	if err != nil {
		return b, err
	}
	b.store, err = ledger.Open(ctx, d.DatabaseURL, ledger.Options{Recorder: "audit"})
	if err != nil {
		b.close()
	}
	return b, err
}

// resolve finds all servers: a name that has several addresses is a service with several replicas.
func (d Deployed) resolve(ctx context.Context) ([]remote, error) {
	var servers []remote
	called := map[string]int{}
	for _, s := range d.Servers {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("server %q: want a URL such as http://server-a:8080", s)
		}
		addresses, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
		if err != nil {
			return nil, fmt.Errorf("server %q: %w: is it up?", s, err)
		}
		for _, address := range addresses {
			name := u.Hostname()
			if called[name]++; called[name] > 1 {
				name += fmt.Sprintf("-%d", called[name])
			}
			servers = append(servers, remote{
				name: name, url: "http://" + net.JoinHostPort(address, u.Port()),
				token: d.Token,
			})
		}
	}
	return servers, nil
}
