// Command bench measures what our locks and due runs cost, side by side with what they are measured
// against, in one run: each pair takes turns, and only ratios mean anything.
//
// It is a module of its own, inside ours, so that none of what it measures reaches a user's build.
package main
