// Package web is the live page: choose a mode and a fault, press Midnight, and watch three real
// servers, step by step, until the verdict; then refund the duplicates.
//
// A page works without its script, which only saves the reader from reloading it. Runs are played
// one after another; a run goes on when its browser leaves. The latest runs are kept with their
// database and simulator, so that their addresses can be opened again.
//
// # Who may use it
//
// The page starts processes, so it serves only browsers that opened it at its own address. A
// request must name one of the site's hosts, since a foreign name could be made to resolve to this
// machine (DNS rebinding). A request that changes something must come from one of the site's pages.
// The page shows events, amounts and verdicts, and no configuration: no key, no password.
package web
