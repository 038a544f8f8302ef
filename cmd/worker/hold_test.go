package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services/servicetest"
)

// withoutRedis returns the environment of a worker whose Redis is away.
func (w *world) withoutRedis() []string {
	redis := servicetest.OwnRedis(w.t)
	must(w.t, redis.Kill(w.t.Context()))
	env := slices.DeleteFunc(slices.Clone(w.env), func(v string) bool {
		return strings.HasPrefix(v, "REDIS_URL=")
	})
	return append(env, "REDIS_URL="+redis.URL(), "WORKER_LISTEN=")
}

func TestARunThatIsHeldTooLongFailsLoudly(t *testing.T) {
	t.Parallel()
	world := setup(t)
	w := start(t, world.withoutRedis(), "--mode", "locked", "--lock-patience", "0s",
		"--hold", "1s")
	if e := w.wait(event.RunHeld); e.Reason != "Redis" || e.Error == "" {
		t.Errorf("got %+v, want Redis, and why", e)
	}
	if e := w.wait(event.RunFinished); e.Error == "" {
		t.Errorf("got %+v, want an error", e)
	}
	w.wantExit(1)
	line, more, _ := strings.Cut(w.stderr.String(), "\n")
	if more != "" || !strings.Contains(line, "Redis") || !strings.Contains(line, "--hold") {
		t.Errorf("got %q, want one line that names Redis and --hold", w.stderr.String())
	}
}

func TestSIGTERMEndsARunThatIsHeld(t *testing.T) {
	t.Parallel()
	world := setup(t)
	w := start(t, world.withoutRedis(), "--mode", "locked", "--lock-patience", "0s")
	w.wait(event.RunHeld)
	must(t, w.Process.Signal(syscall.SIGTERM))
	w.wait(event.RunFinished)
	w.wantExit(0)
	if w.stderr.Len() > 0 {
		t.Errorf("it complained: %s", w.stderr.String())
	}
}
