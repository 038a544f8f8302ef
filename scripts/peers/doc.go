// Command peers runs widely used ways to do a thing once through the faults that our own modes are
// run through, and prints what came of it.
//
// It is a module of its own, inside ours, so that it may use our scenarios and none of what it
// measures reaches a user's build.
package main
