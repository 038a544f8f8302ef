package worker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/term"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/event"
)

// events logs what happens, counts it in the metrics and passes it on to followers.
type events struct {
	log     *slog.Logger
	feed    *feed
	quiet   bool // logs only problems per invoice
	metrics *metrics.Set
	labels  string   // of all metrics
	leased  sync.Map // the *billing.Invoice of each lease held, by its key
	close   func()   // writes the last lines
}

// newEvents returns events that are logged to w. A file may be a pipe or a terminal whose reader
// stalls, so it is written in the background. The caller closes them.
//
// The metrics are VictoriaMetrics': those of Prometheus' own client, which the server needs nothing
// else of, take a tenth of the time in which a newcomer's first `go run` compiles.
func newEvents(w io.Writer, c Config) *events {
	followed := &feed{}
	e := &events{
		feed:  followed,
		quiet: c.Quiet,
		close: func() {},

		metrics: metrics.NewSet(),
		labels:  fmt.Sprintf(`mode="%s",server="%s"}`, c.Mode, labelText.Replace(c.Name)),
	}
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	if c.LogFormat == "text" || c.LogFormat == "auto" && terminal {
		w = sentences{cli.Output(w)}
	}
	direct := slog.New(slog.NewJSONHandler(w, nil)).With("server", c.Name)
	if ok {
		dropped := e.metrics.NewCounter("billing_log_dropped_total{" + e.labels)
		lines := newLogWriter(w, dropped.Inc, func(n int64) {
			direct.Warn(string(event.LogDropped), "error", fmt.Sprintf("%d events were dropped", n))
		})
		w, e.close = lines, lines.close
	}
	e.log = slog.New(slog.NewMultiHandler(slog.NewJSONHandler(w, nil),
		feedHandler{slog.NewJSONHandler(followed, nil), followed})).With("server", c.Name)
	return e
}

// labelText escapes a label's text as Prometheus does.
var labelText = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// buckets are from a round trip on loopback to a charge that times out.
var buckets = metrics.ExponentialBuckets(0.0001, 4, 10)

// sentences writes events, each of which is given as a line of JSON, for people.
type sentences struct{ io.Writer }

func (s sentences) Write(line []byte) (int, error) {
	said := string(line)
	if e, err := event.Parse(line); err == nil {
		customer, _, _ := strings.Cut(e.Invoice, "/")
		sentence := e.Sentence(customer)
		if !strings.Contains(sentence, customer) {
			sentence = customer + ": " + sentence
		}
		said = e.Time.Format("15:04:05.000  ") + sentence + "\n"
	}
	if _, err := io.WriteString(s.Writer, said); err != nil {
		return 0, err
	}
	return len(line), nil
}

// say logs an event without a duration.
func (e *events) say(ctx context.Context, kind event.Kind, attrs ...slog.Attr) {
	e.metrics.GetOrCreateCounter(e.metric("billing_events_total", kind)).Inc()
	inv, level := invoiceIn(ctx), level(kind, attrs)
	if e.quiet && inv != nil && level == slog.LevelInfo {
		return
	}
	if inv != nil {
		attrs = append([]slog.Attr{slog.String("invoice", inv.String())}, attrs...)
		if at := event.Here(); at != "" {
			attrs = append(attrs, slog.String("at", at))
		}
	}
	e.log.LogAttrs(ctx, level, string(kind), attrs...)
}

// took logs the end of a call, with its duration.
func (e *events) took(ctx context.Context, kind event.Kind, began time.Time, attrs ...slog.Attr) {
	d := time.Since(began)
	e.metrics.GetOrCreatePrometheusHistogramExt(e.metric("billing_event_seconds", kind), buckets).
		Update(d.Seconds())
	e.say(ctx, kind, append(attrs, slog.Float64("ms", milliseconds(d)))...)
}

func (e *events) metric(name string, kind event.Kind) string {
	return name + `{event="` + string(kind) + `",` + e.labels
}

// milliseconds rounds to a microsecond; smaller differences are noise.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// level returns WARN for warnings and for any event with an error.
func level(kind event.Kind, attrs []slog.Attr) slog.Level {
	wrong := func(a slog.Attr) bool { return a.Key == "error" }
	if kind.Warning() || slices.ContainsFunc(attrs, wrong) {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func failure(err error) slog.Attr { return slog.String("error", err.Error()) }

// invoiceKey is the context key of the invoice being billed, which each event names.
type invoiceKey struct{}

func withInvoice(ctx context.Context, inv billing.Invoice) context.Context {
	return context.WithValue(ctx, invoiceKey{}, &inv)
}

// invoiceIn returns the invoice being billed, nil if there is none.
func invoiceIn(ctx context.Context) *billing.Invoice {
	inv, _ := ctx.Value(invoiceKey{}).(*billing.Invoice)
	return inv
}
