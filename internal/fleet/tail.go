package fleet

import (
	"strings"
	"sync"
)

// tailKept is more than anybody reads of a process' last words.
const tailKept = 4 << 10

// Tail keeps the end of what is written to it. It is safe for concurrent use.
type Tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write keeps b, or its end.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := append(t.kept, b[max(0, len(b)-tailKept):]...)
	t.kept = append(t.kept[:0], kept[max(0, len(kept)-tailKept):]...)
	return len(b), nil
}

// Last returns the last line, "" if there is none.
func (t *Tail) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.ToValidUTF8(strings.TrimSpace(string(t.kept)), "")
	return text[strings.LastIndex(text, "\n")+1:]
}
