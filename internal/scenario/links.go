package scenario

import (
	"context"
	"net/url"

	"example.com/triplecharge/internal/fault"
)

// links are one server's ways to what it needs, with a proxy on each.
type links struct {
	stripe, postgres *fault.Proxy
	redis            []*fault.Proxy // to each node
}

// The ways that a link may be on.
type way func(*links) *fault.Proxy

func toStripe(l *links) *fault.Proxy   { return l.stripe }
func toPostgres(l *links) *fault.Proxy { return l.postgres }
func toRedis(node int) way {
	return func(l *links) *fault.Proxy { return l.redis[node] }
}

// to returns the URL by which the server gets there: through the proxy, if it has links at all.
func (l *links) to(w way, direct string) string {
	if l == nil {
		return direct
	}
	u, err := url.Parse(direct)
	if err != nil {
		return direct // the server will say what is wrong with it
	}
	u.Host = w(l).Addr()
	return u.String()
}

// link puts proxies on all ways of all servers, if there is a fault to come.
func (p *play) link(context.Context) error {
	if p.Fault == "" {
		return nil
	}
	p.links = map[string]*links{}
	for _, name := range p.names() {
		l := &links{}
		p.links[name] = l
		var err error
		if l.stripe, err = proxyTo(p.stripeURL(name)); err != nil {
			return err
		}
		if l.postgres, err = proxyTo(p.database); err != nil {
			return err
		}
		for _, node := range p.nodes {
			proxy, err := proxyTo(node.URL())
			if err != nil {
				return err
			}
			l.redis = append(l.redis, proxy)
		}
	}
	return nil
}

func proxyTo(direct string) (*fault.Proxy, error) {
	u, err := url.Parse(direct)
	if err != nil {
		return nil, err
	}
	return fault.NewProxy(u.Host)
}

func (l *links) all() []*fault.Proxy {
	return append([]*fault.Proxy{l.stripe, l.postgres}, l.redis...)
}

func (l *links) close() {
	for _, proxy := range l.all() {
		if proxy != nil {
			_ = proxy.Close()
		}
	}
}

// redisPatience is the query of a Redis URL that makes a client of go-redis patient.
func redisPatience() string {
	query := url.Values{}
	for _, name := range []string{"dial_timeout", "read_timeout", "write_timeout"} {
		query.Set(name, patience.String())
	}
	return "?" + query.Encode()
}
