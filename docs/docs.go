// Package docs embeds the chapters that `demo walkthrough` plays, and the pages of `demo site`.
package docs

import "embed"

// Chapters holds the chapters' files, which play in the order of their names.
//
//go:embed [0-9][0-9]-*.md
var Chapters embed.FS

// Pages holds all pages and their pictures.
//
//go:embed *.md *.svg pictures
var Pages embed.FS
