// Package schematest holds the simulator's answers to Stripe's own description of its API, which
// stripe-mock carries. It is a module of its own so that neither that description nor the library
// that reads it reaches anybody's build: run it with go test in this directory.
package schematest
