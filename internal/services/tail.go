package services

import (
	"bytes"
	"strings"
	"sync"
)

// Tail is a writer that keeps the last tailSize bytes. Servers log to it instead of a file, so that
// a full disk doesn't lose the reason for a failure. The zero value is ready to use. It is safe for
// concurrent use.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

// tailSize is many times the size of a start's log.
const tailSize = 16 << 10

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// Last returns the last line, "" if there is none.
func (t *Tail) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.ToValidUTF8(strings.TrimSpace(string(t.buf)), "")
	return text[strings.LastIndex(text, "\n")+1:]
}

func (t *Tail) contains(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.buf, []byte(s))
}

// reason returns the line that best explains why a server ended: the last one that names an error,
// else the last one.
func (t *Tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := "no output"
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
		return false // the reply to a ping during startup
	}
	// The last one is Redis's; the others are from Postgres and initdb.
	for _, word := range []string{"FATAL:", "PANIC:", "ERROR:", "error:", "could not", "Can't "} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}
