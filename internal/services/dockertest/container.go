package dockertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"example.com/triplecharge/internal/services"
)

const (
	// startLimit allows for a busy machine, and for Postgres to create its cluster.
	startLimit = time.Minute
	// stopLimit is how long a server may take to stop before it is killed.
	stopLimit = 10 * time.Second
	// pollEvery is the interval between pings of a starting server.
	pollEvery = 20 * time.Millisecond
)

// Container is a services.Server in a container, on a fixed port of 127.0.0.1.
type Container struct {
	docker   *Docker
	resource *dockertest.Resource
	url      string
	stop     docker.Signal

	mu sync.Mutex // serializes stops and starts
}

var _ services.Server = (*Container)(nil)

// Postgres starts a Postgres that keeps its data over Stop and Kill.
func (d *Docker) Postgres(ctx context.Context) (*Container, error) {
	password := rand.Text()
	repository, tag := split(PostgresImage())
	return d.start(ctx, docker.SIGINT, &dockertest.RunOptions{
		Repository:   repository,
		Tag:          tag,
		User:         "postgres",
		Env:          []string{"POSTGRES_PASSWORD=" + password},
		ExposedPorts: []string{"5432/tcp"},
		Cmd: []string{"postgres", "-c", "fsync=off", "-c", "full_page_writes=off",
			"-c", "max_connections=200", "-c", "timezone=UTC"},
	}, url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", password),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	})
}

// Redis starts a Redis without persistence: after Stop or Kill it starts empty.
func (d *Docker) Redis(ctx context.Context) (*Container, error) {
	password := rand.Text()
	repository, tag := split(RedisImage())
	return d.start(ctx, docker.SIGTERM, &dockertest.RunOptions{
		Repository:   repository,
		Tag:          tag,
		User:         "redis",
		ExposedPorts: []string{"6379/tcp"},
		Cmd: []string{"redis-server", "--save", "", "--appendonly", "no",
			"--requirepass", password},
	}, url.URL{
		Scheme: "redis",
		User:   url.UserPassword("", password),
		Path:   "/0",
	})
}

// start runs a container, tries another port if the chosen one is taken, and returns once the
// server answers.
func (d *Docker) start(
	ctx context.Context, stop docker.Signal, o *dockertest.RunOptions, address url.URL,
) (*Container, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	const attempts = 5
	var resource *dockertest.Resource
	var err error
	for range attempts {
		var port int
		if port, err = services.FreePort(ctx); err != nil {
			return nil, err
		}
		address.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		resource, err = d.create(o, port)
		if err == nil || !portTaken(err) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("run %s:%s: %w", o.Repository, o.Tag, err)
	}
	c := &Container{docker: d, resource: resource, url: address.String(), stop: stop}
	d.containers = append(d.containers, c)
	return c, c.started(ctx)
}

// create starts a container and publishes its port as the given one.
func (d *Docker) create(o *dockertest.RunOptions, port int) (*dockertest.Resource, error) {
	o.Name = "triplecharge-test-" + rand.Text()
	o.Labels = map[string]string{
		runLabel:     d.run,
		expiresLabel: strconv.FormatInt(time.Now().Add(lifetime).Unix(), 10),
	}
	// The port is fixed, because Docker would pick another after each start.
	o.PortBindings = map[docker.Port][]docker.PortBinding{
		docker.Port(o.ExposedPorts[0]): {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}},
	}
	resource, err := d.pool.RunWithOptions(o, func(c *docker.HostConfig) {
		c.PublishAllPorts = false
	})
	if err != nil {
		// The container may exist without having started.
		return nil, errors.Join(err, d.pool.RemoveContainerByName(o.Name))
	}
	return resource, nil
}

func portTaken(err error) bool {
	return strings.Contains(err.Error(), "port is already allocated") ||
		strings.Contains(err.Error(), "address already in use")
}

// URL returns the server's address with the password.
func (c *Container) URL() string { return c.url }

// Stop shuts the server down in order.
func (c *Container) Stop(ctx context.Context) error { return c.end(ctx, c.stop) }

// Kill ends all processes in the container at once, like a machine crash.
func (c *Container) Kill(ctx context.Context) error { return c.end(ctx, docker.SIGKILL) }

// end sends the signal itself: servers ignore the container's stop signal, which dockertest sets
// for Expire's own use.
func (c *Container) end(ctx context.Context, signal docker.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	err := c.signalAndWait(limited, signal)
	if limited.Err() != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		err = c.signalAndWait(last, docker.SIGKILL)
	}
	if err != nil {
		return fmt.Errorf("stop container %s: %w", c.resource.Container.Name, err)
	}
	return nil
}

func (c *Container) signalAndWait(ctx context.Context, signal docker.Signal) error {
	err := c.signal(ctx, signal)
	if err == nil {
		_, err = c.client().WaitContainerWithContext(c.id(), ctx)
	}
	return err
}

// signal signals a running container; a stopped one is ignored.
func (c *Container) signal(ctx context.Context, signal docker.Signal) error {
	err := c.client().KillContainer(docker.KillContainerOptions{
		ID: c.id(), Signal: signal, Context: ctx,
	})
	if _, stopped := errors.AsType[*docker.ContainerNotRunning](err); stopped {
		return nil
	}
	return err
}

// Start starts the server again on the same port.
func (c *Container) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.client().StartContainerWithContext(c.id(), nil, ctx)
	if _, running := errors.AsType[*docker.ContainerAlreadyRunning](err); running {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start container %s: %w", c.resource.Container.Name, err)
	}
	return c.started(ctx)
}

// started sets the container's expiry, then waits until the server answers: Docker reports the
// start before that.
func (c *Container) started(ctx context.Context) error {
	if err := c.resource.Expire(uint(lifetime.Seconds())); err != nil {
		return fmt.Errorf("let container %s expire: %w", c.resource.Container.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := services.Ping(ctx, c.url)
		if err == nil {
			return nil
		}
		now, inspectErr := c.client().InspectContainerWithContext(c.id(), ctx)
		if inspectErr == nil && !now.State.Running {
			return fmt.Errorf("container %s stopped while starting: %s", now.Name, c.lastLines())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for container %s: %w; last ping: %w",
				c.resource.Container.Name, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// lastLines returns the end of the server's log.
func (c *Container) lastLines() string {
	var log bytes.Buffer
	err := c.client().Logs(docker.LogsOptions{
		Container: c.id(), OutputStream: &log, ErrorStream: &log,
		Stdout: true, Stderr: true, Tail: "5",
	})
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(log.String())
}

// Close removes the container and its data. Docker.Close does this for all containers.
func (c *Container) Close() error {
	err := c.docker.pool.Purge(c.resource)
	if _, gone := errors.AsType[*docker.NoSuchContainer](err); gone {
		return nil
	}
	return err
}

func (c *Container) client() *docker.Client { return c.docker.pool.Client }

func (c *Container) id() string { return c.resource.Container.ID }
