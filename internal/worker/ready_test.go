package worker

import (
	"net/http"
	"testing"
	"time"

	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
)

func TestAServerSaysWhatItIsNotReadyFor(t *testing.T) {
	t.Parallel()
	postgres := servicetest.OwnPostgres(t)
	w := setupAt(t, postgres.URL(), nil)
	redis := servicetest.OwnRedis(t)
	nodes := []services.Server{
		servicetest.OwnRedis(t), servicetest.OwnRedis(t), servicetest.OwnRedis(t),
	}
	c, quorum := w.config("server-a", "locked"), w.config("server-b", "redlock")
	c.RedisURL = redis.URL()
	for _, node := range nodes {
		quorum.RedisNodes = append(quorum.RedisNodes, node.URL())
	}
	n, q := start(t, c), start(t, quorum)
	wantReady(t, n, "ok\n")
	must(t, redis.Stop(t.Context()))
	wantReady(t, n, "Redis away\n")
	must(t, nodes[0].Stop(t.Context()))
	wantReady(t, q, "ok\n") // two of three answer
	must(t, nodes[1].Stop(t.Context()))
	wantReady(t, q, "Redis away\n")
	must(t, postgres.Stop(t.Context()))
	wantReady(t, n, "Redis and Postgres away\n")
	healthy(t, n)
	must(t, postgres.Start(t.Context()))
	must(t, redis.Start(t.Context()))
	wantReady(t, n, "ok\n")
}

func TestHalfOfTheNodesAreNoQuorum(t *testing.T) {
	t.Parallel()
	var o ownedLocker
	if o.away(t.Context()) {
		t.Error("it is away for a mode without a lock")
	}
	for n := range 4 {
		node := servicetest.OwnRedis(t)
		client, err := redislock.Open(node.URL())
		must(t, err)
		t.Cleanup(func() { _ = client.Close() })
		o.nodes = append(o.nodes, client)
		if n < 2 {
			must(t, node.Stop(t.Context()))
		}
	}
	if !o.away(t.Context()) {
		t.Error("two of four nodes answer, and three are a quorum")
	}
}

// wantReady waits for an answer: a pool may take a moment to see that its server is back.
func wantReady(t *testing.T, n *node, want string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		status, got := get(t, n.url+"/readyz")
		if (got == "ok\n") != (status == http.StatusOK) {
			t.Fatalf("it answers %d to %q", status, got)
		}
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}
