// Package fault is how a scenario hurts a billing server from outside: a proxy on each of its ways
// to Stripe, Redis and Postgres, and signals to its process. The server knows of none of it.
package fault
