package redislock_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing/redislock"
)

func TestOpenSingle(t *testing.T) {
	t.Parallel()
	client := open(t, "rediss://u:p%40ss@redis.test:7000/3?read_timeout=300ms&max_retries=5")
	o := client.(*redis.Client).Options()
	if o.Addr != "redis.test:7000" || o.DB != 3 || o.Username != "u" || o.Password != "p@ss" ||
		o.TLSConfig == nil {
		t.Errorf("options %+v don't match the URL", o)
	}
	if o.ReadTimeout != 300*time.Millisecond || o.DialTimeout != time.Second {
		t.Errorf("time-outs: read %v, want the URL's; dial %v, want 1s",
			o.ReadTimeout, o.DialTimeout)
	}
	if o.MaxRetries != 0 || o.DialerRetries != 1 {
		t.Errorf("%d retries, %d dials, want 0 and 1", o.MaxRetries, o.DialerRetries)
	}
	if !o.ContextTimeoutEnabled || !o.DisableIdentity {
		t.Errorf("options %+v: want context deadlines respected, and no CLIENT SETINFO", o)
	}

	socket := open(t, "unix:///tmp/a@b.sock?db=2").(*redis.Client).Options()
	if socket.Network != "unix" || socket.Addr != "/tmp/a@b.sock" || socket.DB != 2 {
		t.Errorf("options %+v, want the socket", socket)
	}
}

func TestOpenCluster(t *testing.T) {
	t.Parallel()
	client := open(t, "redis://u:p@one:7000?addr=two:7001&addr=three:7002&max_retries=5")
	o := client.(*redis.ClusterClient).Options()
	if got := strings.Join(o.Addrs, " "); got != "one:7000 two:7001 three:7002" {
		t.Errorf("nodes %q", got)
	}
	if o.MaxRetries != -1 || !o.ContextTimeoutEnabled || o.ReadTimeout != time.Second {
		t.Errorf("options %+v", o)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for _, url := range []string{
		"",
		"s3cret",
		"s3cret://host",
		":s3cret@host:6379",
		"user:s3cret@host:6379",
		"http://user:s3cret@host:6379",
		"redis://user:s3cret%zz@host:6379",
		"redis://user:a#s3cret@host:6379",
		"redis://user:a/s3cret@host:6379",
		"redis://user:1/s3cret@host:6379",
		"redis://user:1?s3cret@host:6379",
		"redis://user:1?max_retries=s3cret@host:6379",
		"redis://user:s3cret@host:6379/0/1",
		"redis://user:s3cret@host:6379/mydb",
		"redis://user:s3cret@host:6379?no_such_option=1",
		"redis://user:s3cret@host:6379?read_timeout=soon",
		"redis://user:s3cret@host:6379?addr=nonsense",
		"redis://user:s3cret@host:6379?master_name=main&route_randomly=true",
		"redis://user:s3cret@host:6379?master_name=main&route_by_latency=true",
		"redis://user:s3cret@host:6379?master_name=main&replica_only=true",
		"unix://user:s3cret@",
	} {
		client, err := redislock.Open(url)
		if err == nil {
			client.Close()
			t.Errorf("%s: accepted", url)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error contains the password: %v", url, err)
		}
	}
}
