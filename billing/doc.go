// Package billing is the lesson: how a scheduled job that runs on every server charges a customer
// three times, and what makes it once.
//
// # The bug
//
// Three servers run the same billing worker, so that one may fail. At midnight the schedule fires
// on all three. Each lists the invoices that are due, finds Alice, and charges her card:
//
//	server-a  charge Alice $10 ── ok ── write it down
//	server-b  charge Alice $10 ── ok ── write it down
//	server-c  charge Alice $10 ── ok ── write it down
//
// Alice owed $10 and paid $30. Every line of that code is right; nothing coordinates the servers.
//
// # Reading order
//
// billing.go has the words, worker.go the due run, ports.go what a mode may use, modes.go the table
// of ways to protect an invoice. Then read the modes: uncoordinated.go is the bug; naivelock.go is
// the lock most tutorials show, with a note at each place where it fails; locked.go is the lock
// done with care. That is the lesson. The rest is the road on: checkfirst.go, fenced.go,
// idempotent.go and claimed.go each add one thing and still fail somewhere; exactlyonce.go doesn't.
// Each mode is one straight line: it starts no goroutine, reads no clock and makes no timer.
//
// # The invariant
//
// However many servers run, whenever they fire: one invoice, one charge, one ledger entry.
//
// Mutual exclusion is not "once per billing period". A lock stops two servers from working at the
// same moment; only something that remembers stops the second charge.
package billing
