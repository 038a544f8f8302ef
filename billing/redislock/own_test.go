package redislock_test

import (
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// ownedBy returns nodes that are owned by these ledgers: "" by nobody, "down" doesn't answer.
func ownedBy(
	t *testing.T, owners ...string,
) (nodes []redislock.Client, servers []*miniredis.Miniredis) {
	t.Helper()
	for _, owner := range owners {
		server := miniredis.RunT(t)
		if owner != "" && owner != "down" {
			if err := server.Set("p:"+redislock.OwnKey, owner); err != nil {
				t.Fatal(err)
			}
		}
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
		t.Cleanup(func() { _ = client.Close() })
		nodes, servers = append(nodes, client), append(servers, server)
		if owner == "down" {
			server.Close()
		}
	}
	return nodes, servers
}

func TestOwnRefusesAnotherLedgersLocks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		owners []string
		want   error
	}{
		{"nobody's", []string{""}, nil},
		{"ours", []string{"led_a"}, nil},
		{"another's", []string{"led_b"}, redislock.ErrOtherLedger},
		{"down", []string{"down"}, billing.ErrUnavailable},
		{"nobody's, of three", []string{"", "", ""}, nil},
		{"another's, of three", []string{"led_b", "led_b", "led_b"}, redislock.ErrOtherLedger},
		{"ours but for one that is down", []string{"led_a", "down", "led_a"}, nil},
		{"ours but for one that restarted empty", []string{"led_a", "", "led_a"}, nil},
		{"ours but for one", []string{"led_a", "led_b", ""}, nil},
		{"another's but for one", []string{"led_b", "", "led_b"}, redislock.ErrOtherLedger},
		{"another's and down", []string{"led_b", "down", "down"}, redislock.ErrOtherLedger},
		{"two down", []string{"led_a", "down", "down"}, billing.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			nodes, servers := ownedBy(t, tt.owners...)
			err := redislock.Own(t.Context(), nodes, "p:", "led_a")
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			for i, owner := range tt.owners {
				got, _ := servers[i].Get("p:" + redislock.OwnKey)
				if owner != "" && owner != "down" && got != owner {
					t.Errorf("node %d is now %q's, was %q's", i, got, owner)
				}
				if len(nodes) == 1 && owner == "" && (got != "led_a" ||
					servers[i].TTL("p:"+redislock.OwnKey) != 0) {
					t.Errorf("node %d is %q's, want it led_a's without a TTL", i, got)
				}
			}
			err = redislock.Own(t.Context(), nodes[:1], "q:", "led_a")
			if err != nil && tt.owners[0] != "down" {
				t.Errorf("another prefix is refused: %v", err)
			}
		})
	}
}
