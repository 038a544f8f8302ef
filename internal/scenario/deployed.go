package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/ledger"
)

// Deployed is a scenario on servers that somebody else has started, such as compose.
type Deployed struct {
	Mode          string   // the mode that the servers run
	Servers       []string // their URLs
	Token         string   // their WORKER_TOKEN
	DatabaseURL   string   // their ledger's
	StripeURL     string   // their Stripe's; "" for the real one
	StripeKey     string
	Subscriptions []billing.Subscription
	At            time.Time     // the logical due time, in UTC
	Wait          time.Duration // how long the servers may take to start
}

// Audit sets up the customers, fires all servers at once, waits until their due runs have finished,
// and reads both sides. The Result has no picture if the servers logged more than can be followed.
func (d Deployed) Audit(ctx context.Context) (result Result, err error) {
	result = Result{Mode: d.Mode, Fault: faults.None}
	var events []event.Event
	l, err := d.open(ctx, func(e event.Event) { events = append(events, e) })
	if err != nil {
		return result, err
	}
	defer l.close()
	result.Servers = len(l.servers)
	result.Expected, err = faults.Expected(result.Mode, result.Fault, result.Servers)
	if err != nil {
		return result, err
	}
	invoices, err := l.Invoices(ctx)
	if err != nil {
		return result, err
	}
	following, leave := context.WithCancel(ctx)
	defer leave()
	finished, err := l.follow(following)
	if err == nil {
		err = fleet.Fire(ctx, d.At, l.servers...)
	}
	if err != nil {
		return result, err
	}
	if finished.Wait() == nil {
		result.Picture = timeline.Draw(invoices[0].String(), l.names(), events)
		result.Lock = measure(events)
	}
	result.Declined = declined(invoices, events)
	result.Invoices, err = l.accounts(ctx)
	return result, err
}

// sides opens both sides for the servers' first billing period. The caller closes them.
func (d Deployed) sides(ctx context.Context) (b bothSides, err error) {
	b = bothSides{subscriptions: d.Subscriptions, period: billing.PeriodOf(d.At)}
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
		return b, err
	}
	b.stripe = b.stripe.ForLedger(b.store.ID())
	return b, nil
}

// resolve finds all servers. A name with several addresses is a service with several replicas.
func (d Deployed) resolve(ctx context.Context) ([]fleet.Server, error) {
	var servers []fleet.Server
	called := map[string]int{}
	for _, s := range d.Servers {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("a server's URL: want one such as http://server-a:8080")
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		if u.Scheme == "https" { // its certificate is for its name
			servers = append(servers, fleet.Server{Name: u.Host, URL: u.String(), Token: d.Token})
			continue
		}
		addresses, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
		if err != nil {
			return nil, fmt.Errorf("server %q: %w: is it up?", s, err)
		}
		host, port := u.Hostname(), cmp.Or(u.Port(), "80")
		for _, address := range addresses {
			name := host
			if called[name]++; called[name] > 1 {
				name += fmt.Sprintf("-%d", called[name])
			}
			u.Host = net.JoinHostPort(address, port)
			servers = append(servers, fleet.Server{Name: name, URL: u.String(), Token: d.Token})
		}
	}
	for _, s := range servers {
		if d.Wait > 0 {
			if err := s.Await(ctx, d.Wait); err != nil {
				return nil, err
			}
		}
	}
	return servers, nil
}
