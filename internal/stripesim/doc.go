// Package stripesim is Stripe's test mode, offline: a stateful simulator of the part of the API
// that takes money, as version 2023-10-16 documents it and as stripe-go v76 speaks it.
//
// It exists because the public stand-ins lack what a billing worker's safety depends on: they
// neither replay an idempotency key, nor answer 409 to one in use, nor commit a charge and then
// lose the reply.
//
// Each object has three files: X.go has its rules, X_api.go its endpoints with their routes,
// bodies/X.json how it is answered. Reading order: call.go takes one request from its arrival to
// its reply; intent.go takes money; idempotency.go remembers replies; gates.go holds a request at a
// point that a test chooses. Stripe's test cards and its currencies are data: cards.json and
// currencies.txt. README.md lists every behaviour with its source and its test.
//
// Objects are immutable snapshots. A change swaps in a new snapshot, so readers need no lock, an
// event can point at the state it reports, and a saved reply is a pointer instead of a copy of its
// bytes.
package stripesim
