// Package worker is cmd/worker's implementation: one billing server, as it would be deployed. It
// reads the configuration, connects the mode to its adapters, starts due runs, and logs one event
// a line. It knows nothing of faults, simulators and the demo.
package worker
