package stripesim

import "sync"

// origin is the request that took money.
type origin struct {
	server, key     string
	request         ref
	began, executed int64 // in nanoseconds, by the machine's clock
}

// feed is the log of charges in the order of commit.
type feed struct {
	mu      sync.Mutex
	entries []feedEntry
	news    chan struct{} // closed at the next entry; nil if nobody waits
}

type feedEntry struct {
	charge ref
	origin origin
}

func (f *feed) add(o origin, charge ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, feedEntry{charge, o})
	if f.news != nil {
		close(f.news)
		f.news = nil
	}
}

func (f *feed) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.entries)
}

// after returns the entries after the first n, and a channel that is closed at the next one.
func (f *feed) after(n int) (entries []feedEntry, news <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.news == nil {
		f.news = make(chan struct{})
	}
	return f.entries[n:len(f.entries):len(f.entries)], f.news
}
