// Command peers plays the faults of our matrix against widely used ways to do a job once, and
// prints the results as a table.
//
// It is a module inside ours, so that it can use our scenarios and the peers never reach a user's
// build.
package main
