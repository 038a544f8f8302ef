package redislock

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

// ErrOtherLedger: the locks belong to another ledger.
var ErrOtherLedger = errors.New("another ledger's locks")

// OwnKey is the key, after the prefix, whose value is the ID of the ledger that the locks are for.
const OwnKey = "lock:ledger"

// Own marks the locks of this prefix as the ledger's: it sets prefix + OwnKey, without a TTL, on
// the nodes that lack it. If another ledger is marked there, the error is ErrOtherLedger: the two
// would skip each other's invoices, since their locks have the same names. Of several nodes, a
// quorum decides. If too few answer, the error is billing.ErrUnavailable.
//
// A Redis that restarts empty forgets the mark: call Own now and then.
func Own(ctx context.Context, nodes []Client, prefix, ledger string) error {
	type answer struct {
		owner string
		err   error
	}
	answers := make(chan answer, len(nodes))
	for _, node := range nodes {
		go func() {
			owner, err := own(ctx, node, prefix+OwnKey, ledger)
			answers <- answer{owner, err}
		}()
	}
	quorum := len(nodes)/2 + 1
	ours, others, other, failed := 0, 0, "", error(nil)
	for range nodes {
		switch a := <-answers; {
		case a.err != nil:
			failed = a.err
		case a.owner == ledger:
			ours++
		default:
			others, other = others+1, a.owner
		}
		if ours >= quorum {
			return nil
		}
	}
	if others == 0 {
		return fmt.Errorf("check which ledger owns the locks: %w: %w",
			billing.ErrUnavailable, failed)
	}
	return fmt.Errorf("%w: %s%s is %s, and this ledger is %s: use another Redis, or a prefix of "+
		"its own for each; if this ledger has replaced the other, stop the other's servers and "+
		"DEL %[2]s%[3]s", ErrOtherLedger, prefix, OwnKey, other, ledger)
}

// Disown deletes the mark that Own set in the Redis at that URL, so that another ledger can use the
// locks of this prefix. No server of the old ledger may run any more.
func Disown(ctx context.Context, url, prefix string) error {
	client, err := Open(url)
	if err != nil {
		return err
	}
	err = client.Del(ctx, prefix+OwnKey).Err()
	return errors.Join(err, client.Close())
}

// own returns the owner of one node's locks, which is the ledger if there was none.
func own(
	ctx context.Context, node Client, key, ledger string,
) (owner string, err error) {
	for range 2 { // the key may be deleted in between
		set, err := node.SetNX(ctx, key, ledger, 0).Result()
		if err != nil {
			return "", err
		}
		if set {
			return ledger, nil
		}
		owner, err = node.Get(ctx, key).Result()
		if !errors.Is(err, redis.Nil) {
			return owner, err
		}
	}
	return "", redis.Nil
}
