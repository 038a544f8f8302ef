package main

import (
	"time"

	"example.com/triplecharge/scripts/faulttest"
)

// peers returns all peers, in the order of the table.
func peers() []faulttest.Protection {
	e := &etcd{seen: map[int64]time.Time{}}
	return []faulttest.Protection{
		{
			Name: "redsync", Module: "github.com/go-redsync/redsync/v4", Redis: true,
			Guard: withRedsync,
		},
		{
			Name: "redislock", Module: "github.com/bsm/redislock", Redis: true,
			Guard: withRedislock,
		},
		{
			Name: "rueidislock", Module: "github.com/redis/rueidis", Redis: true,
			Guard: withRueidislock, Renews: true, Waits: true,
		},
		{
			Name: "gocron", Module: "github.com/go-co-op/gocron/v2", Redis: true,
			Guard: withGocron,
		},
		{
			Name: "advisory-lock", Guard: withAdvisoryLock,
			Held: advisoryLockHeld,
		},
		{
			Name: "river", Module: "github.com/riverqueue/river", Guard: withRiver,
			Held: riverJobHeld,
		},
		{
			Name: "etcd", Module: "go.etcd.io/etcd/client/v3", Guard: withEtcd,
			Service: e.start, Held: e.held,
		},
		{
			Name: "dbos", Module: "github.com/dbos-inc/dbos-transact-golang", Guard: withDBOS,
		},
	}
}
