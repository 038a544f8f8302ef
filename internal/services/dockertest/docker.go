// Package dockertest runs Postgres and Redis in containers. Only tests may import it: those who
// want the program in containers have docker-compose.yml, and no command links a Docker client.
package dockertest

import (
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

// The images that docker-compose.yml runs, too. POSTGRES_IMAGE and REDIS_IMAGE override them, for
// machines that can't pull; scripts/offline-images makes stand-ins.
const (
	defaultPostgresImage = "postgres:17.6-alpine3.22"
	defaultRedisImage    = "redis:8.2.2-alpine3.22"
)

const (
	// pingLimit is how long Docker may take to answer at all.
	pingLimit = 2 * time.Second
	// pullLimit bounds the download of one image.
	pullLimit = 5 * time.Minute
	// lifetime is when the Docker daemon itself ends a container whose test is not there to do it:
	// longer than the tests of a package take.
	lifetime = 30 * time.Minute
)

const (
	// runLabel holds which Docker value a container belongs to, expiresLabel when it may be
	// removed by anybody (seconds since 1970).
	runLabel     = "triplecharge.run"
	expiresLabel = "triplecharge.expires"
)

//go:embed janitor.sh
var janitorScript string

// PostgresImage is the image that Docker.Postgres runs.
func PostgresImage() string { return fromEnvironment("POSTGRES_IMAGE", defaultPostgresImage) }

// RedisImage is the image that Docker.Redis runs.
func RedisImage() string { return fromEnvironment("REDIS_IMAGE", defaultRedisImage) }

func fromEnvironment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Docker is a Docker daemon and the containers that were started there. Its methods may be called
// from several goroutines.
type Docker struct {
	pool    *dockertest.Pool
	run     string
	janitor *exec.Cmd
	pipe    io.Closer

	mu         sync.Mutex // guards the rest
	closed     bool
	containers []*Container
}

// Connect returns the Docker daemon that DOCKER_HOST names or that runs on this machine, or, in
// two seconds at most, an error. It removes the containers that earlier tests left behind.
func Connect(ctx context.Context) (*Docker, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return nil, fmt.Errorf("find Docker: %w", err)
	}
	if endpoint := pool.Client.Endpoint(); !onThisMachine(endpoint) {
		return nil, fmt.Errorf("the Docker at %s would publish its ports on another machine", endpoint)
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

// startJanitor starts a shell that removes the containers when this process dies. Without it (it
// needs the docker command), they live until they expire.
func (d *Docker) startJanitor() error {
	d.janitor = exec.Command("/bin/sh", "-c", janitorScript, "dockertest-janitor", d.label())
	d.janitor.Env = append(os.Environ(), "DOCKER_HOST="+d.pool.Client.Endpoint())
	d.janitor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of Ctrl-C's reach
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

// Has says whether the image is on the machine.
func (d *Docker) Has(image string) bool {
	_, err := d.pool.Client.InspectImage(image)
	return err == nil
}

// Pull downloads the image if it is not on the machine.
func (d *Docker) Pull(ctx context.Context, image string) error {
	if d.Has(image) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	repository, tag := split(image)
	err := d.pool.Client.PullImage(docker.PullImageOptions{
		Repository: repository, Tag: tag, Context: ctx,
	}, docker.AuthConfiguration{})
	if err != nil {
		return fmt.Errorf("pull %s (scripts/offline-images makes a stand-in): %w", image, err)
	}
	return nil
}

// split cuts an image's name into repository and tag. A colon before a slash is a port's.
func split(image string) (repository, tag string) {
	colon := strings.LastIndexByte(image, ':')
	if colon < strings.LastIndexByte(image, '/')+1 {
		return image, "latest"
	}
	return image[:colon], image[colon+1:]
}

// Close removes the containers with all that is in them. A second Close does nothing.
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
	d.janitor.Wait() //nolint:errcheck // it has nothing to do any more, and may have no docker
	d.pool.Client.HTTPClient.CloseIdleConnections()
	return errors.Join(errs...)
}

// removeExpired removes the containers of tests that could not do it themselves.
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
		// It may be gone by now: other tests clear up, too.
		d.pool.Client.RemoveContainer(docker.RemoveContainerOptions{ //nolint:errcheck // as above
			ID: c.ID, Force: true, RemoveVolumes: true, Context: ctx,
		})
	}
	return nil
}
