// Package fleet starts what a run is made of on this machine, and talks to it: the processes of
// billing servers, the simulated Stripe, and Redis nodes. Secrets and URLs, which may hold
// passwords, go to a process by its environment and never by its command line, which everybody on
// the machine can read; and the environment has what the server needs and nothing else, so that
// what a person has exported can't change a run.
package fleet
