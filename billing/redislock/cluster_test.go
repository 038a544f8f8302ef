package redislock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// leaseThrough obtains, renews and releases a lease through the client.
func leaseThrough(t *testing.T, client redislock.Client) {
	t.Helper()
	ctx := context.Background()
	const ttl = 2 * time.Second
	locker := newLocker(t, client, ttl)
	lease, err := locker.Obtain(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := locker.Obtain(ctx, key); !errors.Is(err, billing.ErrHeld) {
		t.Errorf("second obtain: %v, want ErrHeld", err)
	}
	<-time.After(ttl)
	if err := lease.Valid(); err != nil {
		t.Errorf("after a TTL: %v", err)
	}
	if err := lease.Release(ctx); err != nil {
		t.Error(err)
	}
	fenced, token, err := locker.ObtainFenced(ctx, key, 4) // the counter is in the same slot
	if err != nil || token < 5 {
		t.Fatalf("token %d, %v", token, err)
	}
	if err := fenced.Release(ctx); err != nil {
		t.Error(err)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	port := startCluster(t).port
	url := "redis://127.0.0.1:" + port + patient + "&addr=127.0.0.1:" + port
	leaseThrough(t, open(t, url))
}

// A Cluster client retries commands whose answers are lost, but not the SET.
func TestAnswerLostInACluster(t *testing.T) {
	t.Parallel()
	p := newWire(t, miniRedis(t).Addr())
	client := redis.NewClusterClient(&redis.ClusterOptions{
		DisableIdentity:          true,
		DisableRoutingPolicies:   true, // they would send COMMAND
		MaintNotificationsConfig: &maintnotifications.Config{Mode: "disabled"},
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{
				Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: p.addr}},
			}}, nil
		},
	})
	t.Cleanup(func() { client.Close() })
	locker := newLocker(t, client, time.Minute)
	warmUp(t, locker)
	p.sentSoFar()
	p.lose("set", answerDrops)
	lease, err := locker.Obtain(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(context.Background()); err != nil {
		t.Error(err)
	}
	p.expectSent(t, "set", "eval", "evalsha")
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	sentinelPort := startSentinel(t, startRedis(t))
	client := open(t, "redis://127.0.0.1:"+sentinelPort+patient+"&master_name=main")
	leaseThrough(t, client)
	if _, ok := client.(*redis.Client); !ok {
		t.Errorf("the client is a %T", client)
	}
}
