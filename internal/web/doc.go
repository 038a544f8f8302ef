// Package web is the live page: choose a mode and a fault, press Midnight, and watch three real
// servers, step by step, until the verdict; then refund the duplicates.
//
// A page is whole without its script, which only saves the reader from reloading it. Runs are
// played one after another; a browser that leaves changes nothing. The latest runs are kept with
// their books, so that their addresses can be opened again.
//
// # Who may ask
//
// The page starts processes, so it answers nobody but the browser in front of which it was started:
// a request must name one of the site's own hosts, or else a foreign name could be pointed here
// (DNS rebinding), and what changes something must come from one of the site's own pages. It shows
// what the servers say and what the books have, and no configuration: no key, no password.
package web
