package servicetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// databases is how many numbered databases a Redis has by default. Number 0 holds the claims
	// on the others.
	databases = 16
	// claimTTL frees the claims of a killed test run. A test takes less.
	claimTTL = 15 * time.Minute
	// claimWait is how long a test waits while all databases are claimed.
	claimWait = 2 * time.Minute
)

// claim claims an empty numbered database that no other test has; tests of other packages and other
// runs may be claiming at the same time. It returns the database's URL and a function that empties
// and frees it.
func claim(ctx context.Context, redisURL string) (string, func() error, error) {
	u, err := url.Parse(redisURL)
	if err != nil {
		return "", nil, errors.New("REDIS_URL is not a URL: want redis://host:port")
	}
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		for number := 1; number < databases; number++ {
			taken, err := take(ctx, *u, number)
			if err != nil {
				return "", nil, fmt.Errorf("claim database %d of the shared Redis: %w", number, err)
			}
			if taken {
				release := func() error { return release(*u, number) }
				return numbered(*u, number), release, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", nil, fmt.Errorf("wait for one of %d databases of the shared Redis, all of"+
				" them claimed or not empty: %w", databases-1, ctx.Err())
		case <-retry.C:
		}
	}
}

// take tries to claim the numbered database and reports whether it did.
func take(ctx context.Context, u url.URL, number int) (bool, error) {
	register, database, err := clients(u, number)
	if err != nil {
		return false, err
	}
	defer register.Close() //nolint:errcheck // no data can be lost
	defer database.Close() //nolint:errcheck // as above
	free, err := register.SetNX(ctx, claimKey(number), "", claimTTL).Result()
	if err != nil || !free {
		return false, err
	}
	size, err := database.DBSize(ctx).Result()
	if err != nil || size > 0 {
		return false, errors.Join(err, register.Del(ctx, claimKey(number)).Err())
	}
	return true, nil
}

func release(u url.URL, number int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	register, database, err := clients(u, number)
	if err != nil {
		return err
	}
	defer register.Close() //nolint:errcheck // no data can be lost
	defer database.Close() //nolint:errcheck // as above
	if err := database.FlushDB(ctx).Err(); err != nil {
		return err
	}
	return register.Del(ctx, claimKey(number)).Err()
}

func claimKey(number int) string { return "servicetest:" + strconv.Itoa(number) }

func numbered(u url.URL, number int) string {
	u.Path = "/" + strconv.Itoa(number)
	return u.String()
}

// clients returns a client for database 0 and one for the numbered database.
func clients(u url.URL, number int) (register, database *redis.Client, err error) {
	options, err := redis.ParseURL(numbered(u, 0))
	if err != nil {
		return nil, nil, err
	}
	register = redis.NewClient(options)
	other := *options
	other.DB = number
	return register, redis.NewClient(&other), nil
}
