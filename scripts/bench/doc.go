// Command bench measures the cost of our locks and due runs against alternatives. The two of each
// pair take turns in one run, so only their ratios mean anything.
//
// It is a module inside ours, so that the alternatives never reach a user's build.
package main
