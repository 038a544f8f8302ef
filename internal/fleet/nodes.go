package fleet

import (
	"context"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/services"
)

// quorumNodes is how many Redis nodes Redlock's text has: two may be lost
// (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/).
const quorumNodes = 5

// NodesOf returns how many Redis nodes a mode's lock is spread over, 0 for the modes that need no
// more than the one Redis that all modes share.
func NodesOf(mode string) (int, error) {
	m, err := billing.ModeNamed(mode)
	if err != nil || m.Lock != billing.QuorumLock {
		return 0, err
	}
	return quorumNodes, nil
}

// StartNodes starts n empty Redis nodes, each by a call of start. After an error it returns those
// that have started.
func StartNodes(
	ctx context.Context, start func(context.Context) (services.Server, error), n int,
) (nodes []services.Server, err error) {
	for range n {
		node, err := start(ctx)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}
