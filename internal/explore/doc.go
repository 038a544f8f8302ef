// Package explore runs the modes of package billing, unchanged, through every order in which the
// calls of several servers can interleave, with faults at every point. It reports how many states
// there are, and the shortest schedule that leaves an invoice without exactly one charge and one
// entry.
//
// A mode is deterministic between two calls of its ports, so a server's local state is the list of
// answers it has received. To learn what a server does next, the explorer runs its mode from the
// beginning with those answers, until it makes a call that has none. Everything else is the world:
// Redis, the ledger, Stripe, and the requests in flight. The search is breadth first, so the first
// violation is the shortest. It keeps a 64-bit hash of each state, so only a collision can make it
// miss one.
//
// From a mode it takes its row in billing.Modes. Mode.Lock decides how leases behave; nothing is
// inferred from a name or a key.
//
// It assumes that Postgres and Redis execute one call at a time, which the contract suites check of
// the real ones; that Stripe's client sends each request once, since a second attempt carries the
// same key and is the same request for as long as Stripe remembers keys; that a lease stops being
// valid before its key expires, as locktest demands; and that servers are alike, so that states
// which differ only in the servers' names are one.
package explore
