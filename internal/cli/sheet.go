package cli

import (
	"bufio"
	"encoding/csv"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Sheet reads CSV as a program or a spreadsheet has saved it: with a byte order mark, in UTF-16,
// with commas, semicolons or tabs. A row may have any number of fields.
func Sheet(r io.Reader) *csv.Reader {
	const looked = 4096 // bytes of the first line
	text := bufio.NewReaderSize(transform.NewReader(r,
		unicode.BOMOverride(unicode.UTF8.NewDecoder())), looked)
	first, _ := text.Peek(looked) // Read returns the error
	head, _, _ := strings.Cut(string(first), "\n")
	rows := csv.NewReader(text)
	for _, comma := range ";\t" {
		if strings.Count(head, string(comma)) > strings.Count(head, string(rows.Comma)) {
			rows.Comma = comma
		}
	}
	rows.FieldsPerRecord = -1
	return rows
}
