// Package scenario plays a due run of several servers, each a process of its own, and judges it
// from both sides: what Stripe charged, and what the ledger recorded. The servers are the ones that
// would be deployed; they don't know that they are watched.
package scenario
