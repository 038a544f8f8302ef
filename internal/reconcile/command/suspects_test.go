package command

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/triplecharge/internal/reconcile/suspects"
)

const export = `id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Status,` +
	`Description,Customer ID,order_id (metadata)
ch_1,2026-12-01 00:00:01,10.00,0.00,usd,true,Paid,December,cus_alice,7
ch_2,2026-12-01 00:00:02,10.00,0.00,usd,true,Paid,December,cus_alice,7
ch_3,2026-12-01 00:40:00,10.00,4.00,usd,true,Paid,December,cus_alice,7
ch_4,2026-12-01 00:00:01,10.00,0.00,usd,true,Failed,December,cus_alice,7
ch_5,2026-12-09 00:00:01,10.00,0.00,usd,true,Paid,December,cus_alice,8
ch_6,2026-12-01 00:01:00,"1,000",0,jpy,true,Paid,,cus_bob,1
ch_7,2026-12-01 00:02:00,"1,000",0,jpy,true,Paid,,cus_bob,2
`

func find(t *testing.T, content string, args ...string) (int, suspects.Report, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "payments")
	must(os.WriteFile(file, []byte(content), 0o600))
	status, out, log := command(t, append([]string{"suspects", args[0], file, "--json-out"},
		args[1:]...)...)
	var r suspects.Report
	if status < 2 && log == "" {
		must(json.Unmarshal([]byte(out), &r))
	}
	return status, r, log
}

func TestSuspectsAreFoundInTheDashboardsExport(t *testing.T) {
	t.Parallel()
	utf16 := "\xff\xfe"
	for _, r := range export {
		utf16 += string([]byte{byte(r), 0})
	}
	for name, content := range map[string]string{
		"as exported":            export,
		"with a byte order mark": "\ufeff" + strings.ReplaceAll(export, "\n", "\r\n"),
		"in UTF-16":              utf16,
		"with semicolons": strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(export,
			`"1,000"`, "1000"), ",", ";"), "10.00", "10,00"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, r, log := find(t, content, "--csv")
			if status != 1 || r.Payments != 6 || r.Skipped["failed"] != 1 || len(r.Suspects) != 2 {
				t.Fatalf("got %d, %+v, %s; want two suspects", status, r, log)
			}
			alice, bob := r.Suspects[0], r.Suspects[1]
			if len(alice.Payments) != 3 || alice.Keep != "ch_1" || alice.Sure != suspects.Likely ||
				r.Back["usd"] != 1600 {
				t.Errorf("got %+v, %v; want ch_1 kept and $16 given back", alice, r.Back)
			}
			if bob.Sure != suspects.Unsure || !strings.Contains(bob.Why, "order_id differs") ||
				bob.Keep != "" || r.Back["jpy"] != 0 {
				t.Errorf("got %+v, want it unsure, since the orders differ, and nothing given back",
					bob)
			}
		})
	}
}

// The report says why, and a person who knows better sets what is given back.
func TestOfAnUnsureSuspectNothingIsRefundedUnlessAPersonSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "out.csv")
	must(os.WriteFile(in, []byte(export), 0o600))
	status, text, log := command(t, "suspects", "--csv", in, "--csv-out", out)
	why := "unsure: 2 payments of cus_bob in 1m0s; metadata order_id differs"
	if status != 1 || log != "" || !strings.Contains(text, why) ||
		!strings.Contains(text, "give_back_minor") || strings.Contains(text, "give back ¥") {
		t.Errorf("got %d, %q, want it said that nothing of bob's is given back:\n%s", status,
			log, text)
	}
	report, err := os.ReadFile(out)
	must(err)
	for edit, want := range map[string]string{
		"":          "charge=ch_2 charge=ch_3 ", // the unedited report
		"ch_7":      "charge=ch_2 charge=ch_3 charge=ch_7 ",
		"ch_6 ch_7": "",
	} {
		lines := strings.Split(string(report), "\n")
		for n, line := range lines {
			for id := range strings.FieldsSeq(edit) {
				if strings.Contains(line, id) {
					lines[n] = strings.Replace(line, "cus_bob,0,", "cus_bob,1000,", 1)
				}
			}
		}
		file := filepath.Join(t.TempDir(), "edited.csv")
		must(os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
		_, commands, log := command(t, "refund", "--from", file, "--commands")
		got := ""
		for word := range strings.FieldsSeq(commands) {
			if strings.HasPrefix(word, "charge=") {
				got += word + " "
			}
		}
		if got != want || (want == "") != strings.Contains(log, "nothing is kept of suspect 2") {
			t.Errorf("with %q set: got %q, %q, want %q", edit, got, log, want)
		}
	}
}

func TestWhereAllIsSettledThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	back := strings.ReplaceAll(export, "10.00,0.00,usd", "10.00,10.00,usd")
	status, r, log := find(t, back, "--csv", "--by", "metadata.order_id")
	if status != 0 || len(r.Suspects) != 1 || r.Suspects[0].Sure != suspects.Settled ||
		r.Suspects[0].Keep != "" || r.Back["usd"] != 0 {
		t.Errorf("got %d, %+v, %s; want one, of which nothing is left to do", status, r, log)
	}
}

func TestSuspectsAreFoundByMetadata(t *testing.T) {
	t.Parallel()
	_, r, log := find(t, export, "--csv", "--by", "metadata.order_id", "--within", "1s")
	if len(r.Suspects) != 1 || len(r.Suspects[0].Payments) != 2 {
		t.Errorf("got %+v, %s; want ch_1 and ch_2", r, log)
	}
}

func TestSuspectsAreFoundInWhatTheStripeCLIPrints(t *testing.T) {
	t.Parallel()
	const charge = `{"object":"charge","amount":6500,"amount_captured":5000,"amount_refunded":%,` +
		`"created":1796083200,"currency":"usd","customer":"cus_a","status":"succeeded","id":"ch_`
	list := func(refunded string) string {
		one := strings.ReplaceAll(charge, "%", refunded)
		return `{"object":"list","data":[` + one + `1"},` + one + `2"}]}`
	}
	// What was authorized and not captured counts as refunded, or not, by the API's version.
	for _, refunded := range []string{"0", "1500"} {
		_, r, log := find(t, list(refunded), "--json")
		if len(r.Suspects) != 1 || r.Back["usd"] != 5000 {
			t.Errorf("refunded %s: got %+v, %s; want $50 given back", refunded, r, log)
		}
	}
}

const twoCharges = `{"id":"ch_1","object":"charge","amount":500,"created":1796083200,` +
	`"currency":"usd","customer":"cus_a","status":"succeeded","metadata":{"data":"[]"}},` +
	`{"created":1796083260,"amount":500,"currency":"usd","customer":"cus_a","id":"ch_2",` +
	`"metadata":{"data":"[]"},"object":"charge","status":"succeeded",` +
	`"refunds":{"data":[{"amount":1,"status":"failed"}],"object":"list"}}`

func TestJSONIsReadHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	lines := strings.Replace(twoCharges, "},{", "}\n{", 1)
	event := `{"object":"event","data":{"previous_attributes":{},"object":`
	events := event + strings.Replace(twoCharges, "},{", "}}}"+event+"{", 1) + "}}"
	for name, text := range map[string]string{
		"as the Stripe CLI does": `{"object": "list", "data": [` + twoCharges + `], "url": "/x"}`,
		"with sorted keys":       `{"data":[` + twoCharges + `],"has_more":false,"object":"list"}`,
		"in two pages": `{"data":[` +
			strings.Replace(twoCharges, "},{", `}]} {"data":[{`, 1) + "]}\n",
		"as a bare list":    "[" + twoCharges + "]",
		"one after another": lines + "\n\n",
		"as events":         events,
	} {
		status, r, log := find(t, text, "--json")
		if status != 1 || r.Payments != 2 || len(r.Suspects) != 1 || r.Back["usd"] != 500 {
			t.Errorf("%s: got %d, %+v, %s; want one suspect", name, status, r, log)
		}
		for _, cut := range []string{"", text[:len(text)/2], strings.TrimRight(text, "]}\n ")} {
			if status, _, log := find(t, cut, "--json"); status != 1 || log == "" {
				t.Errorf("%s: %q: got %d, %q, want it refused", name, cut, status, log)
			}
		}
	}
	for _, text := range []string{
		"7", `{"data":"x"}`, `[1]`, `[{"object":"customer"}]`, `{"object":"refund"}`, `{]`,
		`[{"object":"charge","id":"` + strings.Repeat("x", 4<<20) + `"}]`,
	} {
		if status, _, log := find(t, text, "--json"); status != 1 || log == "" {
			t.Errorf("%.40q: got %d, %q, want it refused", text, status, log)
		}
	}
}

// However long a list is, its payments are in memory one by one.
func TestAListIsNotReadWhole(t *testing.T) {
	t.Parallel()
	text := `{"object":"list","data":[` + strings.Repeat(twoCharges+",", 10_000) + twoCharges + "]}"
	in, payments := strings.NewReader(text), 0
	err := suspects.JSON(in)(func(suspects.Payment) {
		if payments++; payments == 1 && in.Len() < len(text)/2 {
			t.Errorf("%d of %d bytes are left after the first payment", in.Len(), len(text))
		}
	}, func(string) {})
	if err != nil || payments != 20_002 {
		t.Errorf("got %d payments, %v", payments, err)
	}
}

func TestSuspectsThatAreNoExportAreRefused(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"nothing": "", "another table": "a,b\n1,2\n",
		"no amount": strings.ReplaceAll(export, "10.00", "x"),
	} {
		if status, _, log := find(t, content, "--csv"); status != 1 || log == "" {
			t.Errorf("%s: got %d, %q", name, status, log)
		}
	}
	if status, _, _ := find(t, export, "--csv", "--by", "order_id"); status != 2 {
		t.Errorf("got %d, want 2", status)
	}
}

func TestTheSuspectsCSVIsHarmlessAndNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "out.csv")
	must(os.WriteFile(in, []byte(strings.ReplaceAll(export, "cus_alice", "=1+1\x1b[2J")), 0o600))
	for _, want := range []string{"", "file exists"} {
		_, text, log := command(t, "suspects", "--csv", in, "--csv-out", out)
		if !strings.Contains(log, want) || want == "" && log != "" ||
			strings.Contains(text, "\x1b[2J") {
			t.Errorf("got %q %q, want %q", text, log, want)
		}
	}
	written, err := os.ReadFile(out)
	must(err)
	if !strings.Contains(string(written), "'=1+1\ufffd[2J") ||
		strings.Count(string(written), "\n") != 6 {
		t.Errorf("got %s", written)
	}
}

func TestAllOutputsAreWrittenOrNone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		input  string
		output func(in string) (csv string)
		status int
	}{
		"the other one is the input": {export, func(in string) string { return in }, 2},
		"both have one name": {
			export, func(in string) string { return filepath.Dir(in) + "/../out/page" }, 2},
		"the input is no export": {
			"a,b\n", func(in string) string { return filepath.Dir(in) + "/../out/new" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in", "payments"), filepath.Join(dir, "out")
			must(errors.Join(os.Mkdir(filepath.Dir(in), 0o700), os.Mkdir(out, 0o700),
				os.WriteFile(in, []byte(tt.input), 0o600)))
			status, text, log := command(t, "suspects", "--csv", in, "--html",
				filepath.Join(out, "page"), "--csv-out", tt.output(in))
			left, _ := os.ReadDir(out)
			input, _ := os.ReadFile(in)
			if status != tt.status || text != "" || len(left) > 0 || string(input) != tt.input {
				t.Errorf("got %d, %q, %q, and %v is left, want nothing", status, text, log, left)
			}
		})
	}
}
