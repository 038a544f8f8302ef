package worker

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

// logWriter writes lines to w in the background, in order, so that neither a charge nor a renewal
// waits for whoever reads the log. A line is dropped and counted if the reader lags too far behind,
// or if the line can't be written. It is safe for concurrent use.
type logWriter struct {
	w       io.Writer
	lines   chan []byte
	dropped func()        // called for each dropped line
	gap     func(n int64) // logs to w that n lines were dropped
	missing atomic.Int64  // dropped since gap was last called
	ending  chan struct{} // closed by close
	ended   chan struct{} // closed when the last line is written
}

// logLength is how many lines the reader may lag behind: about 8 MB, seconds of a large due run.
const logLength = 1 << 15

// logLimit is how long the end of a server may wait for the log's reader, and is part of how long
// the server may take to end. A reader that reads takes milliseconds.
const logLimit = time.Second

func newLogWriter(w io.Writer, dropped func(), gap func(n int64)) *logWriter {
	l := &logWriter{
		w: w, lines: make(chan []byte, logLength), dropped: dropped, gap: gap,
		ending: make(chan struct{}), ended: make(chan struct{}),
	}
	go l.run()
	return l
}

// Write hands a line over. It never waits and never fails.
func (l *logWriter) Write(line []byte) (int, error) {
	select {
	case l.lines <- bytes.Clone(line):
	default:
		l.drop()
	}
	return len(line), nil
}

func (l *logWriter) drop() {
	l.missing.Add(1)
	l.dropped()
}

func (l *logWriter) run() {
	defer close(l.ended)
	for {
		select {
		case line := <-l.lines:
			l.write(line)
		case <-l.ending:
			if len(l.lines) == 0 {
				return
			}
		}
	}
}

// write writes a line, and how many are missing once the reader has nearly caught up.
func (l *logWriter) write(line []byte) {
	if _, err := l.w.Write(line); err != nil {
		l.drop()
	} else if len(l.lines) < logLength/2 {
		if n := l.missing.Swap(0); n > 0 {
			l.gap(n)
		}
	}
}

// close returns when all lines are written, after logLimit at the latest. Lines handed over later
// are lost.
func (l *logWriter) close() {
	close(l.ending)
	select {
	case <-l.ended:
	case <-time.After(logLimit):
	}
}
