// Package dockertest runs Postgres and Redis in containers. Only tests may import it, so that no
// command links a Docker client; docker-compose.yml runs the program in containers.
package dockertest

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// The same images as in docker-compose.yml. POSTGRES_IMAGE and REDIS_IMAGE override them where they
// can't be pulled; scripts/offline-images builds replacements.
const (
	defaultPostgresImage = "postgres:18.6-alpine3.24" +
		"@sha256:77f585114c32fbca283dc835b0596f4e52b51b4c6662d7810b2f4084f60a1873"
	defaultRedisImage = "redis:8.10.2-alpine" +
		"@sha256:3811787313eba226a2ef38658c6ccb91cd5e110edc89c37767de373120a0e5a0"
)

const (
	// pingLimit bounds Docker's first answer.
	pingLimit = 2 * time.Second
	// pullLimit bounds the download of one image.
	pullLimit = 5 * time.Minute
	// lifetime is when Docker ends a container whose test did not: longer than a package's tests
	// take.
	lifetime = 30 * time.Minute
)

const (
	// runLabel identifies the Docker value that a container belongs to; expiresLabel is when any
	// test may remove it (Unix seconds).
	runLabel     = "triplecharge.run"
	expiresLabel = "triplecharge.expires"
)

//go:embed janitor.sh
var janitorScript string

// PostgresImage is the image that Docker.Postgres runs.
func PostgresImage() string { return cmp.Or(os.Getenv("POSTGRES_IMAGE"), defaultPostgresImage) }

// RedisImage is the image that Docker.Redis runs.
func RedisImage() string { return cmp.Or(os.Getenv("REDIS_IMAGE"), defaultRedisImage) }

// Docker is a Docker daemon and the containers started there. Its methods are safe for concurrent
// use.
type Docker struct {
	pool    *dockertest.Pool
	run     string
	janitor *exec.Cmd
	pipe    io.Closer

	mu         sync.Mutex // guards the rest
	closed     bool
	containers []*Container
}

// Connect returns the Docker daemon that DOCKER_HOST names, else the one on this machine, or an
// error within two seconds. It removes expired containers of earlier tests.
func Connect(ctx context.Context) (*Docker, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return nil, fmt.Errorf("find Docker: %w", err)
	}
	if endpoint := pool.Client.Endpoint(); !onThisMachine(endpoint) {
		return nil,
			fmt.Errorf("the Docker at %s is not on this machine: use a local one", endpoint)
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	if err := pool.Client.PingWithContext(ctx); err != nil {
		return nil, fmt.Errorf("ask Docker: %w", err)
	}
	d := &Docker{pool: pool, run: rand.Text()}
	if err := d.removeExpired(ctx); err != nil {
		return nil, err
	}
	return d, d.startJanitor()
}

func onThisMachine(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "unix" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// startJanitor starts a shell that removes the containers when this process dies. It needs the
// docker command; without that, they stay until they expire.
func (d *Docker) startJanitor() error {
	d.janitor = exec.Command("/bin/sh", "-c", janitorScript, "dockertest-janitor", d.label())
	d.janitor.Env = append(os.Environ(), "DOCKER_HOST="+d.pool.Client.Endpoint())
	d.janitor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C doesn't reach it
	var err error
	if d.pipe, err = d.janitor.StdinPipe(); err == nil {
		err = d.janitor.Start()
	}
	if err != nil {
		return fmt.Errorf("start the janitor: %w", err)
	}
	return nil
}

func (d *Docker) label() string { return runLabel + "=" + d.run }

// Has reports whether the image is on this machine.
func (d *Docker) Has(image string) bool {
	_, err := d.pool.Client.InspectImage(image)
	return err == nil
}

// Pull downloads the image unless it is on this machine.
func (d *Docker) Pull(ctx context.Context, image string) error {
	if d.Has(image) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	repository, tag := split(image)
	if name, digest, pinned := strings.Cut(image, "@"); pinned {
		repository, tag = name, digest
	}
	err := d.pool.Client.PullImage(docker.PullImageOptions{
		Repository: repository, Tag: tag, Context: ctx,
	}, docker.AuthConfiguration{})
	if err != nil {
		return fmt.Errorf("pull %s (scripts/offline-images builds a replacement): %w", image, err)
	}
	return nil
}

// split splits an image's name at the tag, or within the digest, so that the parts and a colon are
// the name again. A colon before a slash starts a port.
func split(image string) (repository, tag string) {
	colon := strings.LastIndexByte(image, ':')
	if colon < strings.LastIndexByte(image, '/')+1 {
		return image, "latest"
	}
	return image[:colon], image[colon+1:]
}

// Close removes the containers and their data. Further calls do nothing.
func (d *Docker) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	for _, c := range d.containers {
		errs = append(errs, c.Close())
	}
	errs = append(errs, d.pipe.Close())
	d.janitor.Wait() //nolint:errcheck // fails only if there is no docker command
	d.pool.Client.HTTPClient.CloseIdleConnections()
	return errors.Join(errs...)
}

// removeExpired removes containers of tests that ended without removing them.
func (d *Docker) removeExpired(ctx context.Context) error {
	all, err := d.pool.Client.ListContainers(docker.ListContainersOptions{
		All: true, Filters: map[string][]string{"label": {expiresLabel}}, Context: ctx,
	})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, c := range all {
		expires, err := strconv.ParseInt(c.Labels[expiresLabel], 10, 64)
		if err == nil && time.Now().Unix() < expires {
			continue
		}
		// Another test may have removed it already.
		d.pool.Client.RemoveContainer(docker.RemoveContainerOptions{ //nolint:errcheck // as above
			ID: c.ID, Force: true, RemoveVolumes: true, Context: ctx,
		})
	}
	return nil
}
