package stripesim

import (
	"crypto/rand"
	"net/url"
	"regexp"
	"strconv"
)

var webhookRoutes = []route{
	{"POST /v1/webhook_endpoints", "webhook_endpoints.create", createEndpoint},
	{"GET /v1/webhook_endpoints", "webhook_endpoints.list", list(kindEndpoint, nil)},
	{"GET /v1/webhook_endpoints/{id}", "webhook_endpoints.retrieve", retrieve(kindEndpoint)},
}

// eventType is the name of an event's type. Most of Stripe's never happen here.
var eventType = regexp.MustCompile(`^(\*|[a-z0-9_]+(\.[a-z0-9_]+)+)$`)

func createEndpoint(c *call) view {
	p, a := c.params, c.account
	next := endpoint{url: p.required("url"), events: p.list("enabled_events")}
	if u, err := url.Parse(next.url); err != nil || u.Host == "" ||
		u.Scheme != "http" && u.Scheme != "https" {
		p.fail(errInvalid("url_invalid", "url",
			"Invalid URL: An explicit scheme (such as https) must be provided."))
	}
	if len(next.events) == 0 {
		p.missing("enabled_events")
	}
	for i, typ := range next.events {
		if !eventType.MatchString(typ) || typ == "*" && len(next.events) > 1 {
			p.fail(errInvalid("", join("enabled_events", strconv.Itoa(i)),
				"Invalid enabled_events: %s", typ))
		}
	}
	p.update("description", &next.description)
	next.metadata = p.metadata(nil)
	p.choice("api_version", APIVersion)
	p.refuse("connect")
	c.done(kindNone)
	c.begin()
	next.secret = "whsec_" + rand.Text()
	answer := *a.endpoints.add(a.clock.unix(), &next, nil)
	answer.shown = answer.secret
	return &answer
}
