package timeline_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
)

// The worker logs how an invoice ended when the mode has returned, so the statement is looked for.
func TestTheEndOfAnInvoiceMarksTheReturn(t *testing.T) {
	t.Parallel()
	ends := map[string]event.Event{
		"return Skipped, nil": {Kind: event.InvoiceSkipped, Reason: string(billing.Skipped)},
		"return AlreadyBilled, nil": {
			Kind: event.InvoiceSkipped, Reason: string(billing.AlreadyBilled),
		},
		`return "", err`: {Kind: event.InvoiceFailed},
	}
	found := 0
	files, err := billing.Source.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := billing.Source.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		before, body, isMode := strings.Cut(string(text), ") Bill(ctx context.Context")
		if !isMode || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		at := fmt.Sprintf("%s:%d", file.Name(), strings.Count(before, "\n")+1)
		for statement, end := range ends {
			if !strings.Contains(body, statement) {
				continue
			}
			found++
			end.Server = "server-a"
			run := timeline.Run{Events: []event.Event{
				{Server: "server-a", At: at}, {Server: "server-b", At: at}, end,
			}}
			c := run.Code(3)
			if len(c.At) != 1 || strings.TrimSpace(c.Lines[c.At[0]-c.First]) != statement {
				t.Errorf("%s: for %q the lines %v are marked", file.Name(), statement, c.At)
			}
		}
	}
	if found < 15 { // eight files, most of which have all three
		t.Errorf("only %d ends were found", found)
	}
}

func TestAServerThatIsPausedWaitsInItsCall(t *testing.T) {
	t.Parallel()
	const at = "locked.go:43,29"
	paused := event.Event{Server: "server-a", Kind: event.ServerPaused}
	for name, test := range map[string]struct {
		events []event.Event
		want   []int
	}{
		"in a call":      {[]event.Event{{Server: "server-a", At: at}, paused}, []int{43, 29}},
		"another's call": {[]event.Event{{Server: "server-b", At: at}, paused}, nil},
		"after its end": {[]event.Event{
			{Server: "server-a", At: at}, {Server: "server-a", Kind: event.InvoiceFailed}, paused,
		}, nil},
		"a line too many": {[]event.Event{{Server: "server-a", At: "locked.go:9999"}}, nil},
		"no such mode":    {[]event.Event{{Server: "server-a", At: "gone.go:1"}}, nil},
	} {
		c := timeline.Run{Events: test.events}.Code(len(test.events))
		if fmt.Sprint(c.At) != fmt.Sprint(test.want) {
			t.Errorf("%s: the lines %v are marked, want %v", name, c.At, test.want)
		}
	}
}
