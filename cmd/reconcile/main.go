// Command reconcile compares Stripe with the ledger for a billing period, invoice by invoice, and
// with --apply records what is missing, refunds what is too much and cancels what is left over.
package main

import (
	"os"

	"example.com/triplecharge/internal/reconcile/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr)) }
