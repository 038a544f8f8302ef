// Package server is what cmd/worker is made of: one billing server, as it would be deployed. It
// reads the configuration, wires the adapters to the mode, triggers due runs, and says what happens
// as events, one a line. It knows of no fault, no simulator and no demo.
package server
