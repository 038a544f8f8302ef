package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

// etcd is the etcd that all cells share.
type etcd struct {
	client *clientv3.Client
	mu     sync.Mutex
	seen   map[int64]time.Time // when a key was first seen, by its lease
}

// start starts Debian's etcd-server.
func (e *etcd) start(ctx context.Context, adopt func(*exec.Cmd)) (string, func(), error) {
	dir, err := os.MkdirTemp("", "etcd-")
	if err != nil {
		return "", nil, err
	}
	client, peer := freeAddress(), freeAddress()
	cmd := exec.Command("etcd", "--data-dir", dir, "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer)
	adopt(cmd)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("etcd: %w (apt-get install etcd-server)", err)
	}
	stop := func() { _, _, _ = cmd.Process.Kill(), cmd.Wait(), os.RemoveAll(dir) }
	if e.client, err = connectEtcd(client); err == nil {
		_, err = e.client.Get(ctx, "started")
	}
	if err != nil {
		stop()
		return "", nil, err
	}
	return client, func() { _ = e.client.Close(); stop() }, nil
}

// freeAddress returns an address that nobody listens on.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "http://127.0.0.1:0" // which etcd refuses, and says so
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

func connectEtcd(url string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: []string{url}, DialTimeout: patience, Logger: zap.NewNop(),
	})
}

// withEtcd is the example of Mutex in go.etcd.io/etcd/client/v3/concurrency: NewSession, NewMutex,
// Lock, the work, Unlock. The session's lease, which the client keeps alive, lasts for the server's
// --lock-ttl; the default is a minute. Cells differ by their ledger's ID.
func withEtcd(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	client, err := connectEtcd(c.ServiceURL)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		prefix, err := ledgerID(ctx, c.DatabaseURL)
		if err != nil {
			return "", err
		}
		session, err := concurrency.NewSession(client, concurrency.WithTTL(int(c.LockTTL.Seconds())))
		if err != nil {
			return "", err
		}
		defer func() { _ = session.Close() }()
		mutex := concurrency.NewMutex(session, prefix+"/"+lockName(inv))
		c.Waiting(ctx, inv)
		if err := mutex.Lock(ctx); err != nil {
			return "", err
		}
		outcome, err := charge(ctx, inv)
		return outcome, errors.Join(err, mutex.Unlock(ctx))
	}, func() { _ = client.Close() }, nil
}

func ledgerID(ctx context.Context, databaseURL string) (id string, err error) {
	err = ask(ctx, databaseURL, `SELECT id FROM ledger_identity`, &id)
	return id, err
}

// held reports whether a server has the lock, and may lose it: nobody waits for the end of one that
// is kept alive for longer than it was obtained for.
func (e *etcd) held(ctx context.Context, databaseURL string, _ bool) (bool, error) {
	prefix, err := ledgerID(ctx, databaseURL)
	if err != nil {
		return false, err
	}
	got, err := e.client.Get(ctx, prefix+"/", clientv3.WithPrefix(),
		clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend), clientv3.WithLimit(1))
	if err != nil || len(got.Kvs) == 0 {
		return false, err
	}
	lease := got.Kvs[0].Lease
	left, err := e.client.TimeToLive(ctx, clientv3.LeaseID(lease))
	if err != nil || left.TTL <= 0 {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen[lease].IsZero() {
		e.seen[lease] = time.Now()
	}
	return time.Since(e.seen[lease]) < 2*time.Duration(left.GrantedTTL)*time.Second, nil
}
