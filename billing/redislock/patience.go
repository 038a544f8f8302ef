package redislock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sethvargo/go-retry"

	"example.com/triplecharge/billing"
)

// DefaultPatience is how long a failover by a Sentinel or a Cluster takes, and a restart: a replica
// that is promoted, an address that moves.
const DefaultPatience = 10 * time.Second

const (
	// retryPause doubles after each try, up to maxRetryPause: a restart takes milliseconds, a
	// failover seconds.
	retryPause    = 50 * time.Millisecond
	maxRetryPause = time.Second
	// retryJitter varies each pause at random, so that servers which lost Redis together don't all
	// return together.
	retryJitter = 50 // percent
)

// patiently makes a call, and makes it again while Redis is away: at once, since a new connection
// often helps, then with pauses, until the limit is over or ctx ends. It is made once if the limit
// is negative.
func patiently(ctx context.Context, limit time.Duration, call func() error) error {
	err := call()
	if !temporary(err) || limit < 0 {
		return err
	}
	pauses := retry.WithMaxDuration(limit, retry.WithJitterPercent(retryJitter,
		retry.WithCappedDuration(maxRetryPause, retry.NewExponential(retryPause))))
	_ = retry.Do(ctx, pauses, func(context.Context) error {
		if err = call(); temporary(err) {
			return retry.RetryableError(err)
		}
		return err
	})
	return err
}

// temporary reports whether a command that failed with err may succeed in a while, on a fresh
// connection: it got no answer, or one of those below, by which Redis says that it did not execute
// the command. Each passes when a restart, a failover or a person's repair is over. They are listed
// in https://github.com/redis/redis/blob/7.0/src/server.c (createSharedObjects, processCommand).
func temporary(err error) bool {
	_, answered := errors.AsType[redis.Error](err)
	switch {
	case err == nil, errors.Is(err, redis.ErrClosed), errors.Is(err, context.Canceled),
		errors.Is(err, billing.ErrHeld), errors.Is(err, billing.ErrLeaseLost),
		errors.Is(err, errOneServer):
		return false
	case !answered:
		return true
	}
	return says(err,
		"LOADING",             // it has restarted and reads its data
		"READONLY",            // a replica: it was demoted, or isn't promoted yet
		"MASTERDOWN",          // a replica that has lost its primary
		"NOREPLICAS",          // a primary that has lost its replicas: one of them may be promoted
		"CLUSTERDOWN",         // the Cluster is electing a primary
		"TRYAGAIN",            // the Cluster is moving the key
		"MISCONF",             // its disk is full or failing
		"OOM",                 // its memory is full
		"BUSY",                // somebody's script takes long
		"NOAUTH", "WRONGPASS", // the password is being replaced
		"ERR max number of clients reached",
	)
}

// forbidden reports whether the user lacks a right. Of a script's calls, Redis says so in words.
func forbidden(err error) bool {
	answer, ok := errors.AsType[redis.Error](err)
	return says(err, "NOPERM") || ok &&
		(strings.Contains(answer.Error(), "The user executing the script can't") ||
			strings.Contains(answer.Error(), "ACL failure in script")) // since version 7.2
}

func isMoved(err error) bool { return says(err, "MOVED", "ASK") }

// says reports whether Redis answered with one of these codes. Before version 7, it quotes the
// error of a script's call: "ERR Error running script (…): @user_script:3: -READONLY …".
func says(err error, codes ...string) bool {
	answer, ok := errors.AsType[redis.Error](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if strings.HasPrefix(answer.Error()+" ", code+" ") ||
			strings.Contains(answer.Error(), ": -"+code+" ") {
			return true
		}
	}
	return false
}

// unanswered reports whether Redis may have executed a command that failed with err: there was a
// connection, but no answer.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	_, answered := errors.AsType[redis.Error](err)
	network, ok := errors.AsType[*net.OpError](err)
	unreached := ok && network.Op == "dial"
	return !answered && !unreached
}

// unavailable adds billing.ErrUnavailable to an obtain's error, and what a person must do, unless
// the caller has given up: whatever Redis answered instead of a lease, it would answer to the next
// obtain, too. Only one answer is about the key: somebody keeps something else there.
func unavailable(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ctx.Err()) || says(err, "WRONGTYPE"):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return fmt.Errorf("%w: %w", billing.ErrUnavailable, explained(err))
}

// explained adds to an error what a person must do.
func explained(err error) error {
	switch {
	case forbidden(err):
		return fmt.Errorf("%w: a lease must be renewed and released, too: grant this Redis user "+
			"+get +set +pexpire +del +eval +evalsha on the keys of the locks", err)
	case isMoved(err):
		return fmt.Errorf("%w: this Redis is one node of a Cluster: add the others to its URL "+
			"(or itself), as in redis://host:6379?addr=host2:6379", err)
	case says(err, "READONLY"):
		return fmt.Errorf("%w: the URL must lead to the primary, also after a failover: through "+
			"a Sentinel (?master_name=) or an address that moves", err)
	}
	return err
}
