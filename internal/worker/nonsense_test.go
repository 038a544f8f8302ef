package worker

import (
	"errors"
	"io"
	"strings"
	"testing"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/cli/clitest"
)

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	clitest.RefuseNonsense(t, program(), func() any { return new(Config) }, map[string]string{
		"name": "server-a", "mode": "locked", "database-url": "postgres://127.0.0.1",
	})
}

// What is refused beyond that, by the flags' own bounds.
func TestFlagsHaveBounds(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{
		"--catch-up=13", "--claim-ttl=0", "--concurrency=0", "--concurrency=10001",
		"--stripe-timeout=0", "--stripe-rps=1e7", "--name=a b",
	} {
		args := []string{"--mode=locked", "--database-url=postgres://127.0.0.1", flag}
		if !strings.HasPrefix(flag, "--name") {
			args = append(args, "--name=server-a")
		}
		_, err := program().Parse(args, io.Discard, new(Config))
		name, _, _ := strings.Cut(flag, "=")
		if !errors.Is(err, cli.ErrUsage) || !strings.Contains(err.Error(), name+": want") {
			t.Errorf("%s: got %v", flag, err)
		}
	}
}
