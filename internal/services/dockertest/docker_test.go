package dockertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ory/dockertest/v3/docker"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"example.com/triplecharge/internal/services"
)

// childVariable tells the test binary to start a container and wait to be killed.
const childVariable = "DOCKERTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	d, err := Connect(context.Background())
	if err == nil {
		_, err = d.Redis(context.Background())
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(d.label())
	io.Copy(io.Discard, os.Stdin) //nolint:errcheck // it waits to be killed
}

// connect returns a Docker that has the images. It skips the test if there is none, but not if
// SERVICES=docker insists.
func connect(t *testing.T) *Docker {
	t.Helper()
	insists := os.Getenv("SERVICES") == "docker"
	d, err := Connect(t.Context())
	if err != nil && !insists {
		t.Skipf("no Docker: %v", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	for _, image := range []string{PostgresImage(), RedisImage()} {
		if insists {
			must(t, d.Pull(t.Context(), image))
		} else if !d.Has(image) {
			t.Skipf("no image %s", image)
		}
	}
	return d
}

func TestContainersGoAwayAndComeBackAtTheSameAddress(t *testing.T) {
	d := connect(t)
	postgres, err := d.Postgres(t.Context())
	must(t, err)
	cache, err := d.Redis(t.Context())
	must(t, err)
	for how, end := range map[string]func(services.Server, context.Context) error{
		"stop": services.Server.Stop, "kill": services.Server.Kill,
	} {
		query(t, postgres.URL(), "CREATE TABLE "+how+" AS SELECT 1 AS kept")
		client := redisClient(t, cache.URL())
		must(t, client.Set(t.Context(), how, "here", 0).Err())
		for _, server := range []services.Server{postgres, cache} {
			must(t, end(server, t.Context()))
			must(t, end(server, t.Context())) // once more does no harm
			if services.Ping(t.Context(), server.URL()) == nil {
				t.Errorf("%s: %s still answers", how, server.URL())
			}
			must(t, server.Start(t.Context()))
			must(t, server.Start(t.Context())) // nor does this
		}
		query(t, postgres.URL(), "SELECT kept FROM "+how)
		if n, err := client.Exists(t.Context(), how).Result(); err != nil || n != 0 {
			t.Errorf("%s: Redis comes back with %d keys (%v), want it empty", how, n, err)
		}
	}
}

func TestStopIsOrderlyAndKillIsNot(t *testing.T) {
	d := connect(t)
	for name, start := range map[string]func(context.Context) (*Container, error){
		"Postgres": d.Postgres, "Redis": d.Redis,
	} {
		c, err := start(t.Context())
		must(t, err)
		for how, want := range map[string]int{"stop": 0, "kill": 137} {
			end := c.Stop
			if how == "kill" {
				end = c.Kill
			}
			must(t, end(t.Context()))
			now, err := d.pool.Client.InspectContainer(c.id())
			must(t, err)
			if now.State.ExitCode != want {
				t.Errorf("%s exits with %d on %s, want %d", name, now.State.ExitCode, how, want)
			}
			must(t, c.Start(t.Context()))
		}
	}
}

func TestContainersRunAsOrdinaryUsersAndExpire(t *testing.T) {
	d := connect(t)
	for _, start := range []func(context.Context) (*Container, error){d.Postgres, d.Redis} {
		c, err := start(t.Context())
		must(t, err)
		now, err := d.pool.Client.InspectContainer(c.id())
		must(t, err)
		if user := now.Config.User; user == "" || user == "root" || user == "0" {
			t.Errorf("%s runs as %q", now.Config.Image, user)
		}
		if now.Config.Labels[expiresLabel] == "" {
			t.Errorf("%s never expires", now.Config.Image)
		}
		for _, bindings := range now.HostConfig.PortBindings {
			if len(bindings) != 1 || bindings[0].HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %v, want one port of 127.0.0.1", now.Config.Image, bindings)
			}
		}
	}
}

func TestADockerThatEndsAContainerIsObeyed(t *testing.T) {
	d := connect(t)
	c, err := d.Redis(t.Context())
	must(t, err)
	// As when lifetime is over and nobody is there.
	must(t, c.resource.Expire(1))
	_, err = d.pool.Client.WaitContainerWithContext(c.id(), t.Context())
	must(t, err)
}

func TestExpiredContainersAreRemoved(t *testing.T) {
	d := connect(t)
	c, err := d.pool.Client.CreateContainer(docker.CreateContainerOptions{Config: &docker.Config{
		Image: RedisImage(), Labels: map[string]string{expiresLabel: "1000000000"},
	}})
	must(t, err)
	must(t, connect(t).Close())
	_, err = d.pool.Client.InspectContainer(c.ID)
	if _, gone := errors.AsType[*docker.NoSuchContainer](err); !gone {
		t.Errorf("the expired container is still there: %v", err)
	}
}

func TestAKilledTestLeavesNoContainer(t *testing.T) {
	d := connect(t)
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("without the docker command, containers live until they expire")
	}
	exe, err := os.Executable()
	must(t, err)
	child := exec.Command(exe)
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	must(t, err)
	_, err = child.StdinPipe()
	must(t, err)
	must(t, child.Start())
	label, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	label = strings.TrimSpace(label)
	if n := count(t, d, label); n != 1 {
		t.Errorf("the child has %d containers with label %s, want 1", n, label)
	}
	must(t, child.Process.Kill())
	child.Wait() //nolint:errcheck // it was killed
	deadline := time.Now().Add(10 * time.Second)
	for count(t, d, label) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the container is still there")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func count(t *testing.T, d *Docker, label string) int {
	t.Helper()
	found, err := d.pool.Client.ListContainers(docker.ListContainersOptions{
		All: true, Filters: map[string][]string{"label": {label}},
	})
	must(t, err)
	return len(found)
}

func TestADockerThatHangsIsNotWaitedFor(t *testing.T) {
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	t.Setenv("DOCKER_HOST", "tcp://"+hanging.Listener.Addr().String())
	begin := time.Now()
	if _, err := Connect(t.Context()); err == nil {
		t.Error("it connects to what does not answer")
	}
	if took := time.Since(begin); took > 10*pingLimit {
		t.Errorf("it took %v", took)
	}
}

func TestNoDockerHereIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	for host, want := range map[string]string{
		"tcp://" + l.Addr().String(): "ask Docker: ",
		"unix:///no/such/socket":     "ask Docker: ",
		"tcp://192.0.2.1:2375":       "is not on this machine",
	} {
		t.Setenv("DOCKER_HOST", host)
		if _, err := Connect(t.Context()); err == nil || !strings.Contains(err.Error(), want) ||
			errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want %q at once", host, err, want)
		}
	}
}

func TestImagesAreThoseOfCompose(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../../docker-compose.yml")
	must(t, err)
	for _, image := range []string{
		"${POSTGRES_IMAGE:-" + defaultPostgresImage + "}",
		"${REDIS_IMAGE:-" + defaultRedisImage + "}",
	} {
		if !strings.Contains(string(compose), image) {
			t.Errorf("docker-compose.yml does not run %s", image)
		}
	}
}

func TestImageNamesAreSplit(t *testing.T) {
	t.Parallel()
	for image, want := range map[string][2]string{
		"redis":                      {"redis", "latest"},
		"redis:7":                    {"redis", "7"},
		"host:5000/a/redis":          {"host:5000/a/redis", "latest"},
		"host:5000/a/redis:7-alpine": {"host:5000/a/redis", "7-alpine"},
		"redis:8@sha256:0a":          {"redis:8@sha256", "0a"},
	} {
		if repository, tag := split(image); repository != want[0] || tag != want[1] {
			t.Errorf("%s is split into %q and %q, want %q", image, repository, tag, want)
		}
	}
}

func query(t *testing.T, databaseURL, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	must(t, err)
	_, err = conn.Exec(t.Context(), sql)
	must(t, errors.Join(err, conn.Close(t.Context())))
}

func redisClient(t *testing.T, redisURL string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(redisURL)
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() }) //nolint:errcheck // a test's client
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
