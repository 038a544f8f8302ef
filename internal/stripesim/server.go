package stripesim

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// apiVersion is the one version that is simulated.
const apiVersion = "2023-10-16"

// formType is the one encoding of parameters.
const formType = "application/x-www-form-urlencoded"

// maxBody is how much of a request is read; the largest that Stripe's limits allow is far smaller.
const maxBody = 1 << 20

// errDropped ends a request without a reply: net/http closes the connection and logs nothing.
var errDropped = http.ErrAbortHandler

// call is one request on its way.
type call struct {
	sim     *Simulator
	account *account // fixed at arrival, so that a reset does not mix two accounts
	http    *http.Request
	route   route
	server  string
	arrived time.Time

	request ref
	scope   uint64 // whose idempotency keys
	key     string // the idempotency key, "" for none
	form    field
	params  *params
	began   bool // it got past validation, to where it changes things
	// executing is when it did, in nanoseconds by the machine's clock.
	executing int64
}

// reply is what is answered.
type reply struct {
	status   int
	body     any // a snapshot, an *apiError, or a rawBody
	request  ref // which executed it: another's for a replay
	saved    bool
	replayed bool
	// anonymous replies have no request id: the API key was not good.
	anonymous bool
}

// rawBody is a body that cannot be written again later, because it shows other objects as they
// were.
type rawBody []byte

// serve handles one endpoint. It never looks at the request's context: a client that hangs up, or
// is killed, changes nothing about what Stripe does with a request it received.
func (s *Simulator) serve(server string, r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a := s.account.Load()
		c := &call{sim: s, account: a, http: req, route: r, server: server,
			request: ref(a.requests.Add(1)), arrived: s.clock.now()}
		if s.closed() {
			panic(errDropped)
		}
		answer := c.run()
		if c.began {
			s.rules.hold(c, pointCommitted)
		}
		c.log(&answer)
		if s.rules.loses(c) {
			panic(errDropped)
		}
		c.write(w, &answer)
	})
}

func (s *Simulator) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// run takes the request through everything that comes before its endpoint, and through it.
func (c *call) run() reply {
	if err := c.authenticate(); err != nil {
		return reply{status: err.status, body: err, anonymous: true}
	}
	if err := c.readKey(); err != nil {
		return c.refuse(err)
	}
	if l := c.sim.limiter.Load(); l != nil && !l.Allow() {
		return c.refuse(errRateLimit())
	}
	if err := c.read(); err != nil {
		return c.refuse(err)
	}
	c.sim.rules.hold(c, pointArriving)
	if c.key != "" {
		return c.runOnce()
	}
	body, err := c.execute()
	if err != nil {
		return c.refuse(err)
	}
	return reply{status: http.StatusOK, body: body, request: c.request}
}

func (c *call) refuse(err *apiError) reply {
	return reply{status: err.status, body: err, request: c.request}
}

// readKey reads the idempotency key. Stripe ignores that of anything but a POST.
func (c *call) readKey() *apiError {
	if c.http.Method != http.MethodPost {
		return nil
	}
	key := c.http.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return errInvalid("", "", fmt.Sprintf("The idempotency key is %d characters long, %d "+
			"are allowed.", len(key), maxKey))
	}
	c.key = key
	return nil
}

// read decodes the parameters, in the query and in the body.
func (c *call) read() *apiError {
	if v := c.http.Header.Get("Stripe-Version"); v != "" && v != apiVersion {
		return errInvalid("", "", "Invalid Stripe API version: "+v+". stripesim simulates "+
			apiVersion+" only.")
	}
	if c.http.Header.Get("Stripe-Account") != "" {
		return errInvalid("", "", "stripesim does not simulate connected accounts: send no "+
			"Stripe-Account header.")
	}
	media, _, _ := mime.ParseMediaType(c.http.Header.Get("Content-Type"))
	if c.http.Method == http.MethodPost && media != "" && media != formType {
		return errInvalid("", "", "Invalid request (check that your POST content type is "+
			formType+").")
	}
	body, err := io.ReadAll(io.LimitReader(c.http.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return errInvalid("", "", "The request body could not be read.")
	}
	if err := decodeForm(&c.form, c.http.URL.RawQuery); err != nil {
		return errInvalid("", "", "Invalid request: "+err.Error()+".")
	}
	if err := decodeForm(&c.form, string(body)); err != nil {
		return errInvalid("", "", "Invalid request: "+err.Error()+".")
	}
	c.params = newParams(&c.form)
	return nil
}

// execute runs the endpoint.
func (c *call) execute() (any, *apiError) {
	body, err := c.route.handle(c)
	if c.began {
		if forced := c.sim.rules.fails(c, failAfter); forced != nil {
			return nil, forced
		}
	}
	return body, err
}

// begin is where an endpoint stops checking and starts changing things: nothing before it leaves a
// trace, and everything after it is saved under the idempotency key. Here a request spends its
// time.
func (c *call) begin() *apiError {
	c.began, c.executing = true, c.sim.clock.base().UnixNano()
	c.sim.rules.hold(c, pointExecuting)
	if l := c.sim.latency.Load(); c.takesMoney() && l.fixed+l.jitter > 0 {
		c.sim.pause(l)
	}
	if forced := c.sim.rules.fails(c, failBefore); forced != nil {
		return forced
	}
	return nil
}

// pause waits for as long as a charge takes.
func (s *Simulator) pause(l *latency) {
	d := l.fixed
	if l.jitter > 0 {
		d += rand.N(l.jitter)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
		panic(errDropped)
	}
}

// takesMoney says whether the request is one of those that can take money.
func (c *call) takesMoney() bool {
	switch c.route.operation {
	case opConfirmIntent, opCreateCharge:
		return true
	case opCreateIntent:
		confirm := c.form.child("confirm")
		return confirm != nil && confirm.value == "true"
	}
	return false
}

func (c *call) origin() origin {
	return origin{server: c.server, key: c.key, request: c.request,
		began: c.executing, executed: c.sim.clock.base().UnixNano()}
}

// expanded is the body of a reply: the snapshot itself, or, if other objects are to be shown within
// it, what that comes to now.
func (c *call) expanded(o any, e expansion) any {
	if e == nil {
		return o
	}
	w := writer{account: c.account}
	w.value(o, e)
	return rawBody(w.buf)
}

// write sends the reply.
func (c *call) write(rw http.ResponseWriter, r *reply) {
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache, no-store")
	if r.anonymous {
		h.Set("WWW-Authenticate", `Bearer realm="Stripe"`)
	} else {
		h.Set("Request-Id", c.account.ids.id(kindRequest, c.request))
		h.Set("Stripe-Version", apiVersion)
	}
	if c.key != "" {
		h.Set("Idempotency-Key", c.key)
		h.Set("Original-Request", c.account.ids.id(kindRequest, r.request))
	}
	if r.saved {
		h.Set("Stripe-Should-Retry", "false")
	}
	if r.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	buffer := c.sim.buffers.Get().(*[]byte)
	defer c.sim.buffers.Put(buffer)
	w := writer{account: c.account, buf: (*buffer)[:0]}
	switch body := r.body.(type) {
	case rawBody:
		w.buf = append(w.buf, body...)
	case *apiError:
		w.begin('{')
		w.object("error", func() { w.errorBody(body, r.request) })
		w.end('}')
	default:
		w.value(body, nil)
	}
	w.buf = append(w.buf, '\n')
	h.Set("Content-Length", strconv.Itoa(len(w.buf)))
	rw.WriteHeader(r.status)
	rw.Write(w.buf) // it cannot be told to anybody if the client is gone
	if cap(w.buf) <= largestBuffer {
		*buffer = w.buf
	}
}

// typicalBody holds a PaymentIntent without growing. Buffers that have grown to hold a list are
// kept up to largestBuffer, which a page of 100 fits into.
const (
	typicalBody   = 4 << 10
	largestBuffer = 512 << 10
)

// newBuffers returns a pool of buffers to write replies into.
func newBuffers() *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, 0, typicalBody)
		return &b
	}}
}

func (c *call) log(r *reply) {
	log := c.sim.options.Log
	if !log.Enabled(c.http.Context(), slog.LevelInfo) {
		return
	}
	log.LogAttrs(c.http.Context(), slog.LevelInfo, "request",
		slog.String("server", c.server), slog.String("method", c.http.Method),
		slog.String("path", c.http.URL.Path), slog.Int("status", r.status),
		slog.String("request", c.account.ids.id(kindRequest, c.request)),
		slog.String("idempotency_key", c.key), slog.Bool("replayed", r.replayed),
		slog.Duration("took", c.sim.clock.now().Sub(c.arrived)))
}
