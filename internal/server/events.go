package server

import (
	"context"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/term"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// events is the server's one way to say what happens: a line in the log, a count in the metrics.
type events struct {
	log     *slog.Logger
	feed    *feed
	quiet   bool // leaves out what is right with single invoices
	counted *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	leased  sync.Map // from the keys of leases held to their *billing.Invoice
}

// newEvents writes to w as the configuration says, and registers its metrics.
func newEvents(w io.Writer, c Config, reg prometheus.Registerer) *events {
	labels := prometheus.Labels{"server": c.Name, "mode": c.Mode}
	followed := &feed{}
	e := &events{
		log: slog.New(slog.NewMultiHandler(handler(w, c.LogFormat),
			feedHandler{slog.NewJSONHandler(followed, nil), followed})).With("server", c.Name),
		feed:  followed,
		quiet: c.Quiet,
		counted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "billing_events_total", Help: "Events of due runs, by their name in the log.",
			ConstLabels: labels,
		}, []string{"event"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "billing_event_seconds", Help: "How long that which an event ends took.",
			ConstLabels: labels,
			// From a round trip on loopback to a charge that timed out.
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
		}, []string{"event"}),
	}
	reg.MustRegister(e.counted, e.seconds)
	return e
}

func handler(w io.Writer, format string) slog.Handler {
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	if format == "text" || format == "auto" && terminal {
		return tint.NewTextHandler(w, &tint.Options{TimeFormat: "15:04:05.000", NoColor: !terminal})
	}
	return slog.NewJSONHandler(w, nil)
}

// say tells of something that happened at an instant.
func (e *events) say(ctx context.Context, event string, attrs ...slog.Attr) {
	e.counted.WithLabelValues(event).Inc()
	inv, level := invoiceIn(ctx), level(event, attrs)
	if e.quiet && inv != nil && level == slog.LevelInfo {
		return
	}
	if inv != nil {
		attrs = append([]slog.Attr{slog.String("invoice", inv.String())}, attrs...)
	}
	e.log.LogAttrs(ctx, level, event, attrs...)
}

// took tells of something that ended, and how long it took.
func (e *events) took(ctx context.Context, event string, began time.Time, attrs ...slog.Attr) {
	d := time.Since(began)
	e.seconds.WithLabelValues(event).Observe(d.Seconds())
	e.say(ctx, event, append(attrs, slog.Float64("ms", milliseconds(d)))...)
}

// milliseconds rounds to a microsecond: what is below that is noise.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// level is WARN for what went wrong.
func level(event string, attrs []slog.Attr) slog.Level {
	wrong := func(a slog.Attr) bool { return a.Key == "error" }
	if event == string(redislock.Lost) || slices.ContainsFunc(attrs, wrong) {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func failure(err error) slog.Attr { return slog.String("error", err.Error()) }

// invoiceKey is the context key of the invoice that is being billed, so that each event names it.
type invoiceKey struct{}

func withInvoice(ctx context.Context, inv billing.Invoice) context.Context {
	return context.WithValue(ctx, invoiceKey{}, &inv)
}

// invoiceIn returns the invoice that is being billed, nil if none is.
func invoiceIn(ctx context.Context) *billing.Invoice {
	inv, _ := ctx.Value(invoiceKey{}).(*billing.Invoice)
	return inv
}
