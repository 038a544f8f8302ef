package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// forgetting is a ledger with a due run in November and one in December.
type forgetting struct {
	*ledger.Store
	url    string
	admin  *pgx.Conn
	claims ledger.Claims
	bob    billing.Claim
}

func aboutToForget(t *testing.T) *forgetting {
	t.Helper()
	url := servicetest.Database(t)
	s := openAt(t, url, ledger.Options{Recorder: "server-a"})
	f := &forgetting{s, url, connect(t, url), s.Claims(ledger.ClaimOptions{Lease: time.Hour}),
		billing.Claim{}}
	beginRun(t, s, "2026-11")
	beginRun(t, s, "2026-12", "2026-11")
	mustAdd(t, s, billingtest.Invoice("alice").Subscription,
		billingtest.Invoice("bob").Subscription)
	f.bob = mustTake(t, f.claims, billingtest.Invoice("bob"))
	mustReturn(t, f.claims, f.bob)
	f.bob = mustTake(t, f.claims, billingtest.Invoice("bob"))
	mustTake(t, f.claims, billingtest.Invoice("alice"))
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	return f
}

// questions are those that come before a charge.
func (f *forgetting) questions(t *testing.T, s *ledger.Store) map[string]error {
	t.Helper()
	_, _, charged := s.Charged(t.Context(), billingtest.Invoice("bob"))
	_, due := s.Due(t.Context(), billingtest.December(), "", 10)
	_, uncharged := s.Uncharged(nil).Due(t.Context(), billingtest.December(), "", 10)
	claims := s.Claims(ledger.ClaimOptions{})
	_, taken := claims.Take(t.Context(), billingtest.Invoice("dora"))
	_, registered := claims.Register(t.Context(), f.bob, intent("pi_bob"))
	return map[string]error{
		"is it charged": charged, "what is due": due, "what is uncharged": uncharged,
		"take": taken, "register": registered, "is it intact": s.Intact(t.Context()),
	}
}

func (f *forgetting) wantForgot(t *testing.T, who string, s *ledger.Store) {
	t.Helper()
	for question, err := range f.questions(t, s) {
		if !errors.Is(err, ledger.ErrForgot) || errors.Is(err, billing.ErrUnavailable) {
			t.Errorf("%s: %s: got %v, want ErrForgot", who, question, err)
		}
	}
}

func TestALedgerThatForgetsIsNoticed(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]string{
		"an entry": `ALTER TABLE entries DISABLE TRIGGER USER; DELETE FROM entries`,
		"a claim":  `DELETE FROM claims WHERE subscription = 'alice'`,
		"a claim that was taken over": `UPDATE claims SET generation = 1
			WHERE subscription = 'bob'`,
		"its name": `UPDATE ledger_identity SET id = 'led_other'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := aboutToForget(t)
			idle := openAt(t, f.url, ledger.Options{Recorder: "server-b"})
			for question, err := range f.questions(t, f.Store) {
				if err != nil {
					t.Errorf("before: %s: %v", question, err)
				}
			}
			mustExec(t, f.admin, forget)
			f.wantForgot(t, "server-a", f.Store)
			mustRecord(t, f.Store, charge("pi_2", "bob", 1000)) // a fact
			if name == "its name" {
				// This is another ledger, and nothing is wrong with that.
				openAt(t, f.url, ledger.Options{Recorder: "server-c"})
				return
			}

			// Servers to which nothing was acknowledged stop, too, until all is reconciled.
			f.wantForgot(t, "server-b", idle)
			fresh := openAt(t, f.url, ledger.Options{Recorder: "server-c"})
			f.wantForgot(t, "server-c", fresh)
			reconciled(t, fresh, "2026-12", "2026-11")
			f.wantForgot(t, "server-c", fresh)
			reconciled(t, fresh, "2026-11")
			if err := errors.Join(fresh.Intact(t.Context()), idle.Intact(t.Context())); err != nil {
				t.Error(err)
			}
			f.wantForgot(t, "server-a", f.Store) // which must be started again
		})
	}
}

func reconciled(t *testing.T, s *ledger.Store, period string, want ...string) {
	t.Helper()
	left, err := s.Reconciled(t.Context(), month(t, period).Period, true)
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("after %s: %v is left, %v; want %v", period, left, err, want)
	}
}

// What a store remembers is bounded, and what is oldest goes first.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	f := aboutToForget(t)
	for n := range 20 {
		mustRecord(t, f.Store, charge(fmt.Sprintf("pi_more_%d", n), "bob", 1000))
	}
	mustExec(t, f.admin, `ALTER TABLE entries DISABLE TRIGGER USER;
		DELETE FROM entries WHERE payment_intent = 'pi_1'`)
	if err := f.Intact(t.Context()); err != nil {
		t.Error(err)
	}
	mustExec(t, f.admin, `DELETE FROM entries WHERE payment_intent = 'pi_more_19'`)
	if err := f.Intact(t.Context()); !errors.Is(err, ledger.ErrForgot) {
		t.Errorf("got %v, want ErrForgot", err)
	}
}

// A dump is restored while no server runs: the next one to start finds the tables in another place.
func TestARestoredDumpIsReconciledFirst(t *testing.T) {
	t.Parallel()
	dump, psql := postgresTool(t, "pg_dump"), postgresTool(t, "psql")
	f := aboutToForget(t)
	f.Close()
	file, database := filepath.Join(t.TempDir(), "dump.sql"), mustParse(t, f.url)
	schema := database.Query().Get("search_path")
	database.RawQuery = ""
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(t.Context(), dump, "--clean", "--schema="+schema,
			"--file="+file, "--dbname="+database.String()),
		exec.CommandContext(t.Context(), psql, "--quiet", "--set=ON_ERROR_STOP=1", "--file="+file,
			"--dbname="+database.String()),
	} {
		mustBeIntact(t, f.url) // in its place
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", cmd.Args[0], err, out)
		}
	}
	f.wantForgot(t, "server-b", openAt(t, f.url, ledger.Options{Recorder: "server-b"}))
	fresh := openAt(t, f.url, ledger.Options{Recorder: "server-c"})
	reconciled(t, fresh, "2026-11", "2026-12")
	reconciled(t, fresh, "2026-12")
	mustBeIntact(t, f.url)
}

func TestAForgottenClaimIsRestoredWithItsGeneration(t *testing.T) {
	t.Parallel()
	s := open(t)
	claims := s.Claims(ledger.ClaimOptions{Lease: time.Hour})
	restore := func(id, pi string) {
		c := billing.Claim{Invoice: billingtest.Invoice(id), Generation: 3, Intent: intent(pi)}
		if err := s.Restore(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	held := mustTake(t, claims, billingtest.Invoice("bob"))
	for range 2 {
		restore("alice", "pi_alice")
		restore("bob", "pi_bob")
	}
	restore("bob", "pi_another")
	got := mustTake(t, claims, billingtest.Invoice("alice"))
	if got.Generation != 4 || got.Intent != intent("pi_alice") {
		t.Errorf("got %+v, want the fourth generation and what was registered", got)
	}
	registered, err := claims.Register(t.Context(), held, intent("pi_late"))
	if registered != intent("pi_bob") || !errors.Is(err, billing.ErrTaken) {
		t.Errorf("got %v, %v; want what was restored, and ErrTaken", registered, err)
	}
}

func mustBeIntact(t *testing.T, url string) {
	t.Helper()
	s := openAt(t, url, ledger.Options{Recorder: "server-b"})
	if err := s.Intact(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func postgresTool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 || os.Getenv("SERVICES") == "docker" {
		t.Skip("needs " + name)
	}
	return found[len(found)-1]
}
