// Command reconcile compares Stripe with the ledger for a billing period, invoice by invoice, and
// with --apply records what is missing, refunds duplicates and cancels PaymentIntents that nobody
// needs.
package main

import (
	"os"

	"example.com/triplecharge/internal/reconcile/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr)) }
