package worker

import "testing"

// stalled is a reader that takes nothing until it is closed.
type stalled chan struct{}

func (s stalled) Write(line []byte) (int, error) {
	<-s
	return len(line), nil
}

func TestTheLogDropsAndCountsWhenItsReaderStalls(t *testing.T) {
	t.Parallel()
	reader := make(stalled)
	counted, missing := 0, int64(0)
	l := newLogWriter(reader, func() { counted++ }, func(n int64) { missing += n })
	const tooMany = 10
	for range logLength + tooMany {
		_, err := l.Write([]byte("line\n"))
		must(t, err)
	}
	if counted != tooMany && counted != tooMany-1 { // one line may be with the reader
		t.Errorf("%d lines were dropped, want %d", counted, tooMany)
	}
	l.close() // within its limit, though nobody reads
	close(reader)
	<-l.ended
	if missing != int64(counted) {
		t.Errorf("the reader was told of %d missing lines, want %d", missing, counted)
	}
}

func TestTheLogIsCompleteAndInOrderAtItsEnd(t *testing.T) {
	t.Parallel()
	var got []byte
	l := newLogWriter(writer(func(line []byte) { got = append(got, line...) }),
		func() { t.Error("a line was dropped") }, func(int64) { t.Error("a gap was logged") })
	line := []byte{0} // slog writes each line from the same buffer
	for i := range 1000 {
		line[0] = byte(i)
		_, err := l.Write(line)
		must(t, err)
	}
	l.close()
	for i, b := range got {
		if b != byte(i) {
			t.Fatalf("line %d is %d", i, b)
		}
	}
	if len(got) != 1000 {
		t.Errorf("got %d lines, want 1000", len(got))
	}
}

type writer func(line []byte)

func (w writer) Write(line []byte) (int, error) {
	w(line)
	return len(line), nil
}
