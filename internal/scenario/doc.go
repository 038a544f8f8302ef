// Package scenario plays a due run of several servers, each in its own process, and judges it by
// both sides: Stripe's charges and the ledger's entries. The servers are those that would be
// deployed; they don't know that they are watched.
package scenario
