package server

import (
	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/ledger"
)

// ports puts the adapters behind the mode's ports, each watched.
func (c Config) ports(
	locker billing.Locker, store *ledger.Store, stripe *stripecharge.Client, e *events,
) billing.Ports {
	expiring := ledger.ClaimOptions{
		Lease: c.ClaimTTL, Pause: c.DunningPause, Limit: c.DunningLimit,
	}
	final := expiring
	final.Lease = 0
	return billing.Ports{
		Ledger:  observedLedger{store, e},
		Charger: observedCharger{stripe, e},
		Locker:  locker,
		Fence:   observedFence{store.Fence(), e},
		Claims:  observedClaims{store.Claims(expiring), e},
		Final:   observedClaims{store.Claims(final), e},
		Intents: observedIntents{stripe, e},
	}
}
