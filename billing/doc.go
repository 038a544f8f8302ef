// Package billing is the lesson: how a scheduled job that runs on every server charges a customer
// three times, and what makes it once.
//
// # The bug
//
// Three servers run the same billing worker, so the job still runs if one fails. At midnight the
// schedule fires on all three. Each lists the invoices that are due, finds Alice's, and charges her
// card:
//
//	server-a  charge Alice $10 ── ok ── record it
//	server-b  charge Alice $10 ── ok ── record it
//	server-c  charge Alice $10 ── ok ── record it
//
// Alice owed $10 and paid $30. Every line of that code is right; nothing coordinates the servers.
//
// # Reading order
//
// Read uncoordinated.go, which is the bug; naivelock.go, the lock that most tutorials show, with a
// note at each place where it fails; and locked.go, the lock done with care. That is the lesson.
//
// Around it, billing.go has the words, worker.go the due run, ports.go the interfaces that a mode
// may use, and modes.go the table of modes: the ways to protect an invoice.
//
// Then comes the road beyond the lock. checkfirst.go, fenced.go, idempotent.go and claimed.go each
// add one thing and still fail somewhere; exactlyonce.go doesn't. Each mode is one straight line:
// it starts no goroutine, reads no clock and makes no timer.
//
// # The invariant
//
// However many servers run, and whenever they fire: one invoice, one charge, one ledger entry.
//
// Mutual exclusion is not "once per billing period". A lock stops two servers from working at the
// same moment; only something that remembers stops the second charge.
package billing
