// Package stripesim is Stripe's test mode, offline: a stateful simulator of the part of the API
// that takes money, as version 2023-10-16 documents it and as stripe-go v76 speaks it.
//
// It exists because the stand-ins that are public do not do the one thing a billing worker's
// safety depends on: they neither replay an idempotency key, nor answer 409 to one that is in use,
// nor commit a charge and then lose the reply.
//
// Reading order: server.go is the way of one request, from its arrival to its reply; intent.go and
// confirm.go are where money is taken; idempotency.go is what remembers; gates.go is how a test
// holds a request at a point of its choice. README.md lists every behaviour with where it is known
// from and the test that holds it.
//
// Objects are immutable snapshots. A change makes a new snapshot and swaps it in, so that readers
// need no lock, an event can point at the state it reports, and a saved reply is a pointer to what
// was answered instead of a copy of its bytes.
package stripesim
