package services

import (
	"bytes"
	"strings"
	"sync"
)

// tail is a writer that remembers the end of what was written. Servers log into it rather than
// into a file, so that the reason for a failure survives a full disk. The zero value is ready.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// tailSize holds the log of a start many times over.
const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) contains(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.buf, []byte(s))
}

// reason returns the line that best says why a server gave up: the last that names an error, else
// the last of all.
func (t *tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := "it said nothing"
	found := false
	for line := range strings.Lines(string(t.buf)) {
		line = strings.TrimSpace(line)
		bad := namesError(line)
		if line != "" && (bad || !found) {
			last, found = line, bad
		}
	}
	return last
}

func namesError(line string) bool {
	if strings.Contains(line, "the database system is") {
		return false // said to those who ask too early, as we do
	}
	// Postgres' and initdb's, then Redis'.
	for _, word := range []string{"FATAL:", "PANIC:", "ERROR:", "error:", "could not", "Can't "} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}
