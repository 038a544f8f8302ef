package scenario

import (
	"context"
	"errors"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/proxy"
	"example.com/triplecharge/internal/services"
)

// pair is a play's own Postgres, its standby, and the address at which this process finds
// whichever of them leads.
type pair struct {
	primary, standby services.Server
	address          *proxy.Proxy
}

// newDatabase makes the play's database, and returns where this process finds it.
func (p *play) newDatabase(ctx context.Context) (ours string, err error) {
	if !p.Replicated {
		p.database, err = p.Services.NewDatabase(ctx)
		return p.database, err
	}
	r := &pair{}
	p.pair = r
	if r.primary, r.standby, err = p.Services.StartReplicated(ctx); err != nil {
		return "", err
	}
	p.database = r.primary.URL()
	if r.address, err = proxy.New(p.database, nil); err != nil {
		return "", err
	}
	return r.address.URL(), nil
}

func (p *play) closePair() {
	if p.pair == nil {
		return
	}
	if p.pair.address != nil {
		_ = p.pair.address.Close()
	}
	for _, server := range []services.Server{p.pair.primary, p.pair.standby} {
		if server != nil { // the services end what is left
			_ = server.Kill(context.Background())
			_ = p.Services.Discard(context.Background(), server)
		}
	}
}

// takeOver promotes the standby, and moves the ledger's address to it. The servers' connections to
// the old primary stay.
func (p *play) takeOver(ctx context.Context, what string) error {
	if err := services.Promote(ctx, p.pair.standby); err != nil {
		return err
	}
	p.database = p.pair.standby.URL()
	moved := []error{p.pair.address.Redirect(p.database)}
	for _, l := range p.proxies {
		moved = append(moved, l.postgres.Lead(p.database))
	}
	p.events.Happened(event.LedgerReplaced, "", what)
	return errors.Join(moved...)
}

func (p *play) synchronize(ctx context.Context) error {
	return services.Synchronize(ctx, p.pair.primary)
}

func (p *play) fence(ctx context.Context) error { return services.Fence(ctx, p.pair.primary) }

func (p *play) replace(ctx context.Context) error {
	return p.takeOver(ctx, "to a standby that has everything")
}

// postgresForgets: the standby is cut off; a runs to its end; the primary dies, and the standby,
// which has nothing of that, takes over; b and c run, after a time by Stripe's clock.
func postgresForgets(after time.Duration) step {
	return func(p *play, ctx context.Context) error {
		r := p.pair
		if err := services.Detach(ctx, r.primary, r.standby); err != nil {
			return err
		}
		// Or another server would have an entry acknowledged that the standby lacks, and stop.
		p.inbox.prefer(serverA)
		if err := p.run(ctx, serverA); err != nil {
			return err
		}
		p.inbox.prefer("")
		if err := r.primary.Kill(ctx); err != nil {
			return err
		}
		if err := p.takeOver(ctx, "to a standby that has nothing of this run"); err != nil {
			return err
		}
		return errors.Join(p.simulator.Pass(ctx, p.events, after), p.run(ctx, serverB, serverC))
	}
}
