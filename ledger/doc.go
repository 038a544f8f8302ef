// Package ledger keeps the subscriptions and the ledger in Postgres: what is due, what was charged
// and what was refunded. A Store is what package billing calls Invoices and Ledger.
//
// The ledger is append-only and records facts. It refuses to record one charge twice, and it never
// refuses to record a second charge of the same invoice: that is the bug, and it must be seen.
//
// All statements are idempotent, and each is a transaction of its own: none is open while anything
// but Postgres is waited for.
package ledger
