package scenario

import (
	"context"
	"net/url"

	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/proxy"
)

// proxies stand between one server and each service that it uses.
type proxies struct {
	stripe, postgres *proxy.Proxy
	redis            []*proxy.Proxy // to each node
}

// startProxies puts proxies before all services of all servers, if the scenario has a fault.
func (p *play) startProxies(context.Context) error {
	if p.Fault == "" {
		return nil
	}
	p.proxies = map[string]*proxies{}
	for _, name := range fleet.Names(p.Servers) {
		l := &proxies{}
		p.proxies[name] = l
		var err error
		if l.stripe, err = proxy.New(p.stripeURL(name), nil); err != nil {
			return err
		}
		if l.postgres, err = proxy.New(p.database, nil); err != nil {
			return err
		}
		for _, node := range p.nodes {
			toNode, err := proxy.New(node.URL(), nil)
			if err != nil {
				return err
			}
			l.redis = append(l.redis, toNode)
		}
	}
	return nil
}

func (l *proxies) all() []*proxy.Proxy {
	return append([]*proxy.Proxy{l.stripe, l.postgres}, l.redis...)
}

func (l *proxies) close() {
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
