// Package ledger keeps in Postgres what is due, what was charged and what was refunded. A Store
// implements billing.Invoices and billing.Ledger.
//
// The ledger is append-only and records facts. It never records one charge twice, and it never
// refuses a second charge of the same invoice: that is the bug, and it must be visible.
//
// Every statement is idempotent and its own transaction, so no transaction is open while the server
// waits for Stripe or Redis.
package ledger
