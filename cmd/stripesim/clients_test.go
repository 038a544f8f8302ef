package main

import (
	"os"
	"os/exec"
	"testing"

	"example.com/triplecharge/internal/stripesim/control"
)

// TestOtherClientsCharge bills through clients that know nothing of us. Each script checks what it
// is answered; what was taken is counted behind the API.
func TestOtherClientsCharge(t *testing.T) {
	t.Parallel()
	python := []string{"/usr/bin/python3", "testdata/charge.py"} // Debian's, which has the package
	for name, c := range map[string]struct {
		probe, script []string
	}{
		"python3-stripe": {[]string{python[0], "-c", "import stripe"}, python},
		"curl":           {[]string{"curl", "--version"}, []string{"testdata/charge.sh"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs(t, name, c.probe...)
			p := start(t, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
			args := append(c.script[1:], p.addresses["Stripe API"])
			script := exec.CommandContext(t.Context(), c.script[0], args...)
			script.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
			if out, err := script.CombinedOutput(); err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			admin := control.New(p.addresses["control API"], "")
			defer admin.Close()
			charges, err := admin.ChargesSoFar(t.Context())
			if err != nil || len(charges) != 1 || charges[0].AmountMinor != 1000 {
				t.Errorf("the charges are %+v, %v, want one of $10", charges, err)
			}
		})
	}
}

// needs skips the test on a machine on which the probe of a client fails.
func needs(t *testing.T, name string, probe ...string) {
	t.Helper()
	err := exec.CommandContext(t.Context(), probe[0], probe[1:]...).Run()
	switch {
	case err != nil && os.Getenv("STRIPE_CLIENTS") == "required":
		t.Fatalf("no %s, which STRIPE_CLIENTS=required asks for: %v", name, err)
	case err != nil:
		t.Skipf("no %s on this machine; STRIPE_CLIENTS=required fails instead", name)
	}
}
