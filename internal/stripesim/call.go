package stripesim

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"example.com/triplecharge/internal/stripesim/control"
)

// APIVersion is the version that all bodies are in, whichever one a client asks for.
const APIVersion = "2023-10-16"

// versionPattern is how Stripe names its versions: 2023-10-16, 2025-09-30.clover.
var versionPattern = regexp.MustCompile(`^20\d\d-[01]\d-[0-3]\d(\.[a-z]+)?$`)

// formType is the only encoding of parameters.
const formType = "application/x-www-form-urlencoded"

// maxBody is the largest request body in bytes; requests within Stripe's limits are far smaller.
const maxBody = 1 << 20

// errDropped ends a request without a reply: net/http closes the connection and logs nothing.
var errDropped = http.ErrAbortHandler

// call is one request being served.
type call struct {
	sim     *Simulator
	account *account // fixed at arrival, so a reset does not mix two accounts
	http    *http.Request
	route   route
	server  string
	arrived time.Time

	request ref
	version string // the client's; bodies are of APIVersion all the same
	key     string // the idempotency key, "" for none
	form    field
	params  *params
	expand  expansion
	began   bool // it passed validation, and may change objects
	// releases are those of the locks that it holds.
	releases []func()
	// executing is when it began, in nanoseconds by the machine's clock.
	executing int64
}

type reply struct {
	status   int
	body     view // a snapshot, a page of them, an *apiError or a rawBody
	request  ref  // the one that executed: another one for a replay
	saved    bool
	replayed bool
	limit    string // the exceeded limit: Stripe-Rate-Limited-Reason
	// anonymous replies have no request id: the API key was refused.
	anonymous bool
}

// rawBody is a body that cannot be written again later: it shows other objects as they were.
type rawBody []byte

func (b rawBody) json(w *writer) { w.buf = append(w.buf, b...) }

// serve handles one endpoint. It ignores the request's context: Stripe executes a request that it
// received even if the client hangs up or is killed.
func serve(s *Simulator, server string, r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a := accountOf(s)
		c := &call{sim: s, account: a, http: req, route: r, server: server,
			version: APIVersion, request: ref(a.requests.Add(1)), arrived: s.clock.now()}
		if s.closed() {
			panic(errDropped)
		}
		answer := c.run()
		if c.began {
			c.hold(control.Committed)
		}
		c.log(&answer)
		if len(s.rules.inEffect(c.describe, control.KindLose, "")) > 0 {
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

// run performs all checks that come before the endpoint, then the endpoint.
func (c *call) run() reply {
	if err := c.authenticate(); err != nil {
		return reply{status: err.status, body: err, anonymous: true}
	}
	if err := c.readKey(); err != nil {
		return err.reply(c.request)
	}
	inForce := c.sim.inForce.Load()
	if reason := inForce.refuses(c.route.operation, c.sim.clock.base()); reason != "" {
		refused := errRateLimit().reply(c.request)
		refused.limit = reason
		return refused
	}
	if err := c.read(); err != nil {
		return err.reply(c.request)
	}
	c.hold(control.Arriving)
	c.account.settle()
	if c.key != "" {
		return c.runOnce()
	}
	body, err := c.execute()
	if err != nil {
		return err.reply(c.request)
	}
	return reply{status: http.StatusOK, body: body, request: c.request}
}

// readKey reads the idempotency key, which Stripe ignores unless the request is a POST.
func (c *call) readKey() *apiError {
	if c.http.Method != http.MethodPost {
		return nil
	}
	key := c.http.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return errInvalid("", "", "The idempotency key is %d characters long, %d "+
			"are allowed.", len(key), maxKey)
	}
	c.key = key
	return nil
}

// read decodes the parameters, in the query and in the body.
func (c *call) read() *apiError {
	if v := c.http.Header.Get("Stripe-Version"); v != "" {
		if !versionPattern.MatchString(v) {
			return errInvalid("", "", "Invalid Stripe API version: %s", v)
		}
		c.version = v
	}
	if c.http.Header.Get("Stripe-Account") != "" {
		return errInvalid("", "", "stripesim does not simulate connected accounts: send no "+
			"Stripe-Account header.")
	}
	media, _, _ := mime.ParseMediaType(c.http.Header.Get("Content-Type"))
	if c.http.Method == http.MethodPost && media != "" && media != formType {
		return errInvalid("", "",
			"Invalid request (check that your POST content type is %s).", formType)
	}
	body, err := io.ReadAll(io.LimitReader(c.http.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return errInvalid("", "", "The request body could not be read.")
	}
	for _, encoded := range []string{c.http.URL.RawQuery, string(body)} {
		if err := decodeForm(&c.form, encoded); err != nil {
			return errInvalid("", "", "Invalid request: %s.", err)
		}
	}
	c.params = newParams(&c.form)
	return nil
}

// keeps takes what acquire returns, and keeps the lock until the request ends.
func (c *call) keeps(release func(), err *apiError) {
	refuse(err)
	c.releases = append(c.releases, release)
}

// handle runs the endpoint, and releases the locks that it has acquired.
func (c *call) handle() (body view, err *apiError) {
	defer func() {
		for _, release := range slices.Backward(c.releases) {
			release()
		}
		switch problem := recover().(type) {
		case nil:
		case *apiError:
			err = problem
		default:
			panic(problem)
		}
	}()
	return c.expanded(c.route.handle(c)), nil
}

// execute runs the endpoint, unless a rule says what comes instead of its answer.
func (c *call) execute() (view, *apiError) {
	body, err := c.handle()
	if c.began {
		if forced := c.fails(control.AfterCommit); forced != nil {
			return nil, forced
		}
	}
	return body, err
}

// begin marks where an endpoint stops checking and starts changing things: nothing before it leaves
// a trace, and every result after it is saved under the idempotency key. A request spends its
// latency here.
func (c *call) begin() {
	c.began, c.executing = true, c.sim.clock.base().UnixNano()
	c.hold(control.Executing)
	if s := c.sim.inForce.Load(); c.takesMoney() && s.Latency+s.Jitter > 0 {
		c.sim.pause(s.Latency, s.Jitter)
	}
	refuse(c.fails(control.BeforeCommit))
}

func (s *Simulator) pause(d, jitter time.Duration) {
	if jitter > 0 {
		d += rand.N(jitter)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
		panic(errDropped)
	}
}

func (c *call) takesMoney() bool {
	switch c.route.operation {
	case opConfirmIntent, opCreateCharge:
		return true
	case opCreateIntent:
		confirm := c.form.child("confirm")
		return confirm != nil && isTrue(confirm.value)
	}
	return false
}

func (c *call) origin() origin {
	return origin{server: c.server, key: c.key, request: c.request,
		began: c.executing, executed: c.sim.clock.base().UnixNano()}
}

// done reads expand[] for an endpoint that answers with an object of this kind, and refuses wrong
// parameters.
func (c *call) done(k kind) {
	c.expand = c.params.expand(k, "")
	c.params.done()
}

// expanded returns the body of a reply: the snapshot itself or, if it is to show other objects in
// full, what it shows at this moment.
func (c *call) expanded(o view) view {
	if c.expand == nil {
		return o
	}
	w := writer{account: c.account, expand: c.expand}
	o.json(&w)
	return rawBody(w.buf)
}

func (c *call) write(rw http.ResponseWriter, r *reply) {
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache, no-store")
	if r.anonymous {
		h.Set("WWW-Authenticate", `Bearer realm="Stripe"`)
	} else {
		h.Set("Request-Id", c.account.ids.id(kindRequest, c.request))
		h.Set("Stripe-Version", c.version)
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
	if r.limit != "" {
		h.Set("Stripe-Rate-Limited-Reason", r.limit)
	}
	buffer := c.sim.buffers.Get().(*[]byte)
	defer c.sim.buffers.Put(buffer)
	w := writer{account: c.account, buf: (*buffer)[:0], request: r.request}
	r.body.json(&w)
	w.buf = append(w.buf, '\n')
	h.Set("Content-Length", strconv.Itoa(len(w.buf)))
	rw.WriteHeader(r.status)
	rw.Write(w.buf) // an error means that the client is gone
	if cap(w.buf) <= largestBuffer {
		*buffer = w.buf
	}
}

// typicalBody holds a PaymentIntent without growing. Buffers that grew are kept up to
// largestBuffer, which holds a page of 100.
const (
	typicalBody   = 4 << 10
	largestBuffer = 512 << 10
)

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
