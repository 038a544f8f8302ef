package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/services"
)

// What is set in the shell for a worker, another Postgres or another Stripe must not bill another
// month. Not parallel, since the environment is the process's.
func TestWorkersInheritNothingButTheWayToStripe(t *testing.T) {
	for _, variable := range []string{
		"WORKER_TIMEZONE", "WORKER_SCHEDULE", "WORKER_STRIPE_RPS", "WORKER_AT", "WORKER_LOCK_TTL",
		"PGOPTIONS", "PGSERVICE", "TZ", "STRIPE_WEBHOOK_SECRET", "HTTP_PROXY", "HTTPS_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "GODEBUG", "HOME",
	} {
		t.Setenv(variable, "of the shell")
	}
	for _, test := range []struct {
		stripe string
		want   string
	}{
		{"http://127.0.0.1:1", ""},
		{"", "HTTPS_PROXY NO_PROXY SSL_CERT_DIR SSL_CERT_FILE"},
	} {
		s, err := services.Start(t.Context(), services.Options{
			SkipPostgres: true, SkipRedis: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		command := Spec{
			Services: s, Command: []string{"worker"}, At: time.Unix(0, 0), StripeURL: test.stripe,
		}.command()
		var inherited []string
		for _, one := range command.Environ() {
			if name, value, _ := strings.Cut(one, "="); value == "of the shell" {
				inherited = append(inherited, name)
			}
		}
		slices.Sort(inherited)
		if got := strings.Join(inherited, " "); got != test.want {
			t.Errorf("with Stripe at %q: inherits %q, want %q", test.stripe, got, test.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
