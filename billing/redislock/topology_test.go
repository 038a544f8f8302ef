package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"example.com/triplecharge/billing"
)

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// leaseThrough obtains, renews and releases a lease through the client.
func leaseThrough(t *testing.T, client redis.UniversalClient) {
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
	if err := lease.Trusted(); err != nil {
		t.Errorf("after a TTL: %v", err)
	}
	if err := lease.Release(ctx); err != nil {
		t.Error(err)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	startRedis(t, t.TempDir(), "--port", port, "--cluster-enabled", "yes",
		"--cluster-port", freePort(t), "--cluster-announce-ip", "127.0.0.1")
	ctx := context.Background()
	node := open(t, "redis://127.0.0.1:"+port)
	if err := node.Do(ctx, "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for node.Do(ctx, "set", "ready", "yes").Err() != nil { // CLUSTERDOWN
		<-time.After(10 * time.Millisecond)
	}
	url := "redis://127.0.0.1:" + port + patient + "&addr=127.0.0.1:" + port
	leaseThrough(t, open(t, url))
}

// A Cluster client repeats commands by itself when an answer is lost. Not the SET.
func TestAnswerLostInACluster(t *testing.T) {
	t.Parallel()
	p := newProxy(t, "tcp", miniRedis(t).Addr())
	p.lose("set", answerDrops)
	client := redis.NewClusterClient(&redis.ClusterOptions{
		DisableIdentity:          true,
		DisableRoutingPolicies:   true, // they take a COMMAND
		MaintNotificationsConfig: &maintnotifications.Config{Mode: "disabled"},
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{
				Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: p.addr}},
			}}, nil
		},
	})
	t.Cleanup(func() { client.Close() })
	lease, err := newLocker(t, client, time.Minute).Obtain(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(context.Background()); err != nil {
		t.Error(err)
	}
	p.expectSent(t, "set", "eval", "evalsha", "eval")
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	port, sentinelPort := freePort(t), freePort(t)
	startRedis(t, t.TempDir(), "--port", port)
	dir := t.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %s\nsentinel monitor main 127.0.0.1 %s 1\n", sentinelPort, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startRedis(t, dir, conf, "--sentinel")
	client := open(t, "redis://127.0.0.1:"+sentinelPort+patient+"&master_name=main")
	leaseThrough(t, client)
	if _, ok := client.(*redis.Client); !ok {
		t.Errorf("the client is a %T", client)
	}
}
