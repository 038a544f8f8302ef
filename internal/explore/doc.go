// Package explore runs the modes of package billing, unchanged, through every order in which the
// calls of several servers can interleave, with what goes wrong at every point, and reports how
// many states that were, or the shortest schedule that breaks what an invoice needs: one charge,
// one entry.
//
// A mode is deterministic between two calls of its ports, so a server's local state is the answers
// it has received. To learn what a server does next, its mode is run from the beginning with those
// answers, until it makes a call that has none. Everything else is the world: Redis, the ledger,
// Stripe, and what is under way. The search goes through worlds breadth first, so the first
// violation is the shortest, and keeps 64 bits of each that it has been to: nothing is missed but
// for collisions of those.
//
// What it assumes: Postgres and Redis carry out one call at a time, as a whole; the contract suites
// hold the real ones to that. Stripe's client sends each request once: a second attempt carries the
// same key, and is the same request to Stripe for as long as that remembers keys. A lease's trust
// ends before its key does, as locktest demands. Servers are alike, so states that differ only in
// who is who are one.
package explore
