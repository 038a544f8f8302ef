// Package schematest checks the simulator's replies against Stripe's description of its API, which
// stripe-mock contains. It is a separate module, so neither that description nor the library that
// reads it becomes part of anyone's build: run it with go test in this directory.
package schematest
