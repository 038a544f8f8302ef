// Package docs has the chapters of the walkthrough, for `demo walkthrough`.
package docs

import "embed"

// Chapters are the walkthrough's files, in the order of their names.
//
//go:embed [0-9][0-9]-*.md
var Chapters embed.FS
