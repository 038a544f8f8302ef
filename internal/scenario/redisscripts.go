package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/stripesim/control"
)

// redisDown: all nodes are dead at midnight. They come back for the recovery run.
func (p *play) redisDown(ctx context.Context) error {
	if err := p.killNodes(ctx, p.nodes); err != nil {
		return err
	}
	fire := p.midnight
	if p.ThirdParty != nil && p.ThirdParty.Waits {
		fire = p.midnightInVain
	}
	if err := fire(ctx); err != nil {
		return err
	}
	return p.restartNodes(ctx, p.nodes)
}

func (p *play) killNodes(ctx context.Context, nodes []services.Server) error {
	for _, node := range nodes {
		if err := node.Kill(ctx); err != nil {
			return err
		}
	}
	p.events.Happened(event.RedisDown, "", p.share(nodes))
	return nil
}

func (p *play) restartNodes(ctx context.Context, nodes []services.Server) error {
	var errs []error
	for _, node := range nodes {
		errs = append(errs, node.Kill(ctx), node.Start(ctx))
	}
	p.events.Happened(event.RedisRestarted, "", p.share(nodes))
	return errors.Join(errs...)
}

// share returns how many of all nodes these are, in words; "" if there is only one.
func (p *play) share(nodes []services.Server) string {
	if len(p.nodes) == 1 {
		return ""
	}
	return fmt.Sprintf("%d of %d nodes", len(nodes), len(p.nodes))
}

// redisRestart: the first nodes restart empty while a's charge request is in flight; b and c run;
// the request arrives.
func redisRestart(nodes int) step {
	return whileChargeIsHeld(func(p *play, ctx context.Context) error {
		return p.restartNodes(ctx, p.nodes[:nodes])
	})
}

// clockJump: the clocks of some nodes jump past the TTL while a's charge request is in flight; b
// and c run; the request arrives.
func clockJump(nodes int) step {
	return whileChargeIsHeld(func(p *play, ctx context.Context) error {
		// Another node may still get a's SET, which would not have expired.
		holding, err := p.byKeys(ctx)
		for _, node := range holding[:nodes] {
			err = errors.Join(err, node.(services.Clocked).Jump(2*p.LockTTL))
		}
		p.events.Happened(event.RedisClockJumped, "", p.share(holding[:nodes]))
		return err
	})
}

// byKeys returns the nodes, those with most keys first.
func (p *play) byKeys(ctx context.Context) (nodes []services.Server, err error) {
	keys := map[services.Server]int64{}
	for _, node := range p.nodes {
		err = errors.Join(err, askNode(node, func(c redislock.Client) (err error) {
			keys[node], err = c.DBSize(ctx).Result()
			return err
		}))
	}
	nodes = slices.Clone(p.nodes)
	slices.SortStableFunc(nodes, func(a, b services.Server) int { return int(keys[b] - keys[a]) })
	return nodes, err
}

// whileChargeIsHeld holds a's charge request in flight while something happens and b and c run.
func whileChargeIsHeld(happens step) step {
	return inOrder(heldAt(control.Arriving), happens, runs(serverB, serverC), (*play).letGo,
		(*play).finish)
}

// redisFailover: the replica stops following before a's SET; a's charge is held; the primary dies,
// and the replica, which never had the key, takes its place under the same address.
func (p *play) redisFailover(ctx context.Context) error {
	replica, err := p.Services.StartReplica(ctx, p.nodes[0])
	if err != nil {
		return err
	}
	primary := p.nodes[0]
	p.nodes = append(p.nodes, replica)
	p.started = append(p.started, replica)
	err = askNode(replica, func(c redislock.Client) error { // it keeps its data, and gets no more
		return c.ReplicaOf(ctx, "NO", "ONE").Err()
	})
	if err != nil {
		return err
	}
	return whileChargeIsHeld(func(p *play, ctx context.Context) error {
		p.nodes = p.nodes[1:]
		for _, l := range p.proxies {
			if err := l.redis[0].Redirect(replica.URL()); err != nil {
				return err
			}
		}
		err := primary.Kill(ctx)
		p.events.Happened(event.RedisReplaced, "", "by a replica that has no key")
		return err
	})(p, ctx)
}

// redlockMinority: two nodes of five are dead at midnight.
func redlockMinority() step {
	two := func(do func(*play, context.Context, []services.Server) error) step {
		return func(p *play, ctx context.Context) error { return do(p, ctx, p.nodes[:2]) }
	}
	return inOrder(two((*play).killNodes), (*play).midnight, two((*play).restartNodes))
}

// partitionBeforeCharge: a has asked the ledger, and the answer (not charged) is held back past the
// TTL while a has lost Redis; b runs. The answer that then arrives is stale, and c runs.
func (p *play) partitionBeforeCharge(ctx context.Context) error {
	l := p.proxies[serverA]
	held := l.postgres.HoldReplies("entries.period = given.period")
	done := p.fire(ctx, serverA)
	select {
	case <-held:
	case err := <-done:
		return errors.Join(err, errors.New("server-a did not ask the ledger"))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.events.Happened(event.LinkCut, serverA, "the ledger")
	p.cutRedis(serverA)
	if err := errors.Join(p.awaitUnprotected(ctx), p.run(ctx, serverB)); err != nil {
		return err
	}
	select {
	case err := <-done:
		return errors.Join(err, errors.New("server-a gave up waiting for the ledger's answer"))
	default:
	}
	p.events.Happened(event.LinkHealed, serverA, "the ledger")
	l.postgres.Heal()
	err := <-done
	p.healRedis(serverA)
	return errors.Join(err, p.run(ctx, serverC))
}

// partitionDuringCharge: a loses Redis while its charge request is in flight; b and c run after the
// lease has expired.
func (p *play) partitionDuringCharge(ctx context.Context) error {
	err := whileChargeIsHeld(func(p *play, ctx context.Context) error {
		p.cutRedis(serverA)
		return p.awaitUnprotected(ctx)
	})(p, ctx)
	p.healRedis(serverA)
	return err
}

func (p *play) cutRedis(server string) {
	for _, r := range p.proxies[server].redis {
		r.Cut()
	}
	p.events.Happened(event.LinkCut, server, "Redis")
}

func (p *play) healRedis(server string) {
	for _, r := range p.proxies[server].redis {
		r.Heal()
	}
	p.events.Happened(event.LinkHealed, server, "Redis")
}
