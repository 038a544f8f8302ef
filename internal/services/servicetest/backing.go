package servicetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/dockertest"
)

// backing holds the servers that a package's tests share. Each is started when first needed.
type backing struct {
	mu          sync.Mutex         // held during a start, so that each server starts once
	docker      *dockertest.Docker // nil if it is not used
	asked       bool               // whether askDocker has decided
	databaseURL string             // each test gets a schema here
	redisURL    string             // each test gets a numbered database here
	postgres    *services.Services // the local Postgres
	nodes       *services.Services // the local Redis servers
}

// database returns the URL of the Postgres in which each test gets a schema.
func (b *backing) database(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.choose(ctx, &b.databaseURL, "Postgres", "DATABASE_URL",
		dockertest.PostgresImage(), (*dockertest.Docker).Postgres)
	if err != nil || b.databaseURL != "" {
		return b.databaseURL, err
	}
	if err := b.startPostgres(ctx); err != nil {
		return "", err
	}
	b.databaseURL = b.postgres.DatabaseURL()
	return b.databaseURL, nil
}

// choose sets the URL of a server that tests share, unless it is set: to the one that a variable
// gives, or else to that of a container. Without either it stays "".
func (b *backing) choose(
	ctx context.Context, url *string, name, variable, image string,
	start func(*dockertest.Docker, context.Context) (*dockertest.Container, error),
) error {
	if *url != "" {
		return nil
	}
	if given := os.Getenv(variable); given != "" && !insists() {
		announce(name + ": given by " + variable)
		*url = given
		return nil
	}
	if err := b.askDocker(ctx); err != nil || b.docker == nil {
		return err
	}
	c, err := start(b.docker, ctx)
	if err != nil {
		return err
	}
	announce(name + ": Docker, " + image)
	*url = c.URL()
	return nil
}

func (b *backing) startPostgres(ctx context.Context) (err error) {
	if b.postgres == nil {
		b.postgres, err = services.Start(ctx, services.Options{SkipRedis: true, Log: announce})
	}
	return err
}

// redis returns the URL of the Redis in which each test gets a numbered database; "" means that
// each test starts its own, which costs little without Docker.
func (b *backing) redis(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.choose(ctx, &b.redisURL, "Redis", "REDIS_URL", dockertest.RedisImage(),
		(*dockertest.Docker).Redis)
	return b.redisURL, err
}

// ownRedis starts a Redis for one test.
func (b *backing) ownRedis(ctx context.Context) (services.Server, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.askDocker(ctx); err != nil {
		return nil, err
	}
	if b.docker != nil {
		return b.docker.Redis(ctx)
	}
	if b.nodes != nil {
		return b.nodes.StartRedis(ctx)
	}
	s, err := services.Start(ctx, services.Options{SkipPostgres: true, Log: announce})
	if err != nil {
		return nil, err
	}
	b.nodes = s
	return s.Redis(), nil
}

// ownPostgres starts a Postgres for one test, and returns it with its close function.
func (b *backing) ownPostgres(ctx context.Context) (services.Server, func() error, error) {
	docker, err := b.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	if docker != nil {
		c, err := docker.Postgres(ctx)
		if err != nil {
			return nil, nil, err
		}
		return c, c.Close, nil
	}
	// A copy costs a tenth of another run of initdb.
	s, err := b.postgres.StartPostgres(ctx)
	return s, func() error { return b.postgres.Discard(context.Background(), s) }, err
}

// ready returns Docker, or else starts the local Postgres.
func (b *backing) ready(ctx context.Context) (*dockertest.Docker, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.askDocker(ctx); err != nil || b.docker != nil {
		return b.docker, err
	}
	return nil, b.startPostgres(ctx)
}

// askDocker decides once whether to use Docker.
func (b *backing) askDocker(ctx context.Context) error {
	if b.asked || os.Getenv("SERVICES") == "local" {
		return nil
	}
	docker, err := usableDocker(ctx)
	if err != nil && insists() {
		return fmt.Errorf("SERVICES=docker requires Docker: %w", err)
	}
	if err != nil {
		announce("not Docker: " + err.Error())
	}
	b.docker, b.asked = docker, true
	return nil
}

// usableDocker returns a Docker that has the images. It downloads them only for SERVICES=docker:
// other test runs must not wait for a registry, which may be out of reach.
func usableDocker(ctx context.Context) (*dockertest.Docker, error) {
	docker, err := dockertest.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, image := range []string{dockertest.PostgresImage(), dockertest.RedisImage()} {
		switch {
		case insists():
			err = docker.Pull(ctx, image)
		case !docker.Has(image):
			err = fmt.Errorf("no image %s: docker pull it, or see scripts/offline-images", image)
		}
		if err != nil {
			return nil, errors.Join(err, docker.Close())
		}
	}
	return docker, nil
}

func insists() bool { return os.Getenv("SERVICES") == "docker" }

func (b *backing) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, s := range []*services.Services{b.postgres, b.nodes} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if b.docker != nil {
		errs = append(errs, b.docker.Close())
	}
	return errors.Join(errs...)
}
