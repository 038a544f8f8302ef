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
	all              []*proxy.Proxy // these
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
		addresses := []string{p.stripeURL(name), p.database}
		for _, node := range p.nodes {
			addresses = append(addresses, node.URL())
		}
		for _, address := range addresses {
			one, err := proxy.New(address, nil)
			if err != nil {
				return err
			}
			l.all = append(l.all, one)
		}
		l.stripe, l.postgres, l.redis = l.all[0], l.all[1], l.all[2:]
	}
	return nil
}

// redisPatience is the query of a Redis URL that makes a client of go-redis patient.
func redisPatience() string {
	query := url.Values{}
	for _, name := range []string{"dial_timeout", "read_timeout", "write_timeout"} {
		query.Set(name, patience.String())
	}
	return "?" + query.Encode()
}
