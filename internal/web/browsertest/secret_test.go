package browsertest

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page must not show what the servers get from their environment: keys, tokens, and addresses
// with a password.
func TestNothingSecretIsShown(t *testing.T) {
	s := serve(t)
	s.verdict(t, s.midnight(t, "uncoordinated", "postgres-down"))
	running := s.midnight(t, "fenced", "lost-reply")
	var secrets []string
	s.await(t, func() bool {
		secrets = nil
		for _, process := range s.processes(t) {
			environment, err := os.ReadFile(process + "/environ")
			if err != nil {
				continue // it has ended
			}
			for _, variable := range strings.Split(string(environment), "\x00") {
				name, value, _ := strings.Cut(variable, "=")
				if name == "WORKER_TOKEN" || name == "DATABASE_URL" {
					secrets = append(secrets, value)
				}
			}
		}
		return len(secrets) == 6 // of three servers
	})
	for _, secret := range secrets {
		_, password, found := strings.Cut(secret, "postgres:")
		if password, _, _ = strings.Cut(password, "@"); found && len(password) > 8 {
			secrets = append(secrets, password)
		}
	}
	s.verdict(t, running)
	key := regexp.MustCompile(`(sk|rk)_(test|live)_\w|Bearer|postgres(ql)?://|redis://`)
	for _, address := range s.pages(t) {
		page := s.read(t, address)
		if found := key.FindString(page); found != "" {
			t.Errorf("%s has %s", address, found)
		}
		for _, secret := range secrets {
			if strings.Contains(page, secret) {
				t.Errorf("%s has a secret", address)
			}
		}
	}
}

// pages are all pages of the site.
func (s *served) pages(t *testing.T) []string {
	t.Helper()
	addresses := []string{"/", "/matrix"}
	found := regexp.MustCompile(`/runs/[a-z0-9-]+/[a-z0-9-]+/[a-z0-9]+`)
	for _, run := range found.FindAllString(s.read(t, "/"), -1) {
		addresses = append(addresses, run, run+"/steps/9", run+"/picture.svg")
	}
	if len(addresses) < 8 {
		t.Fatalf("there are no runs on the page: %v", addresses)
	}
	return addresses
}

func (s *served) read(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(s.url + address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	content, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
