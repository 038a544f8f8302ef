package redislock_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/services"
)

// startRedis starts a Redis server on a free port, which it returns, and waits until it is ready.
// It skips the test if the machine has no redis-server: miniredis is no Cluster and no Sentinel.
func startRedis(t *testing.T, args ...string) (port string) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server on this machine")
	}
	port = freePort(t)
	cmd := exec.Command(binary, append(args, "--port", port, "--dir", t.TempDir(), "--save", "")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var log strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		log.WriteString(line + "\n")
		if strings.Contains(line, "Ready to accept") || strings.Contains(line, "+monitor master") {
			return port
		}
	}
	t.Fatalf("redis-server didn't start:\n%s", log.String())
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := services.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
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
	port := startRedis(t, "--cluster-enabled", "yes",
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
	p := newProxy(t, miniRedis(t).Addr())
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
	primary := startRedis(t)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := "sentinel monitor main 127.0.0.1 " + primary + " 1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinelPort := startRedis(t, conf, "--sentinel")
	client := open(t, "redis://127.0.0.1:"+sentinelPort+patient+"&master_name=main")
	leaseThrough(t, client)
	if _, ok := client.(*redis.Client); !ok {
		t.Errorf("the client is a %T", client)
	}
}
