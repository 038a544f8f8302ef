package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

// DeployedRun is one midnight of servers that somebody else has started, to be watched. Play may be
// called once; the other methods may be called at the same time, from several goroutines.
type DeployedRun struct {
	bothSides
	servers []fleet.Server
	at      time.Time // in the first month without charges and entries
	invoice string    // the first customer's, once it is played
	tell    func(event.Event)
}

// Names finds the servers and returns their names in the events.
func (d Deployed) Names(ctx context.Context) ([]string, error) {
	servers, err := d.resolve(ctx)
	return (&DeployedRun{servers: servers}).names(), err
}

func (l *DeployedRun) names() (names []string) {
	for _, s := range l.servers {
		names = append(names, s.Name)
	}
	return names
}

// open finds the servers and sets up the customers. The caller closes the sides.
func (d Deployed) open(ctx context.Context, tell func(event.Event)) (l *DeployedRun, err error) {
	l = &DeployedRun{tell: tell, at: d.At}
	if l.servers, err = d.resolve(ctx); err != nil {
		return nil, err
	}
	if l.bothSides, err = d.sides(ctx); err != nil {
		return nil, err
	}
	if err := l.bothSides.open(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// Begin sets up the customers and finds a month that was not billed yet. Play will call tell, one
// call at a time, for each event of the first customer's invoice and of the due runs. After an
// error there is nothing to close.
func (d Deployed) Begin(ctx context.Context, tell func(event.Event)) (l *DeployedRun, err error) {
	l, err = d.open(ctx, func(e event.Event) {
		if e.Invoice == l.invoice || e.Invoice == "" {
			tell(e)
		}
	})
	if err != nil {
		return nil, err
	}
	for billed := true; billed && err == nil; {
		if billed, err = l.billed(ctx); billed {
			l.at = l.at.AddDate(0, 1, 0)
			l.period = billing.PeriodOf(l.at)
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// billed reports whether the month has a charge or an entry already.
func (l *DeployedRun) billed(ctx context.Context) (bool, error) {
	invoices, err := l.Invoices(ctx)
	for _, i := range invoices {
		if i.Charges > 0 || i.Entries > 0 {
			return true, err
		}
	}
	return false, err
}

// Play fires all servers at once and returns when all their due runs have finished and all their
// events were passed to tell.
func (l *DeployedRun) Play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cellLimit,
		fmt.Errorf("the due runs did not end within %v", cellLimit))
	defer cancel()
	invoices, err := l.Invoices(ctx)
	if err != nil {
		return err
	}
	l.invoice = invoices[0].String()
	// Follow the servers from before they are fired until they report that they have finished.
	following, leave := context.WithCancel(ctx)
	finished, err := l.follow(following)
	if err == nil {
		err = fleet.Fire(ctx, l.at, l.servers...)
	}
	if err != nil {
		leave() // no run will finish
	}
	defer leave()
	return errors.Join(err, finished.Wait())
}

// follow passes on the servers' events. The group waits until each server that is followed has
// finished a due run.
func (l *DeployedRun) follow(ctx context.Context) (*errgroup.Group, error) {
	var mu sync.Mutex
	var finished errgroup.Group
	for _, s := range l.servers {
		done := make(chan struct{})
		finish := sync.OnceFunc(func() { close(done) })
		ended, err := s.Follow(ctx, func(e event.Event) {
			mu.Lock()
			defer mu.Unlock()
			l.tell(e)
			if e.Kind == event.RunFinished {
				finish()
			}
		})
		if err != nil {
			return &finished, err
		}
		finished.Go(func() error {
			select {
			case <-done:
				return nil
			case <-ended:
				return fmt.Errorf("lost the connection to %s, which sends its events", s.Name)
			}
		})
	}
	return &finished, nil
}

// Close closes what was opened for the run. The charges and the entries stay.
func (l *DeployedRun) Close() error {
	l.close()
	return nil
}
