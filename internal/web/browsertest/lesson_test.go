package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func full(p *page) {
	p.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: 1280, Height: 900, DeviceScaleFactor: 1,
	})
}

// stepTogether steps through two runs beside each other, whose address ends so.
func (p *page) stepTogether(address string) {
	p.Helper()
	full(p)
	p.await(`document.querySelectorAll("#run svg").length === 2`)
	if got := ask[string](p, "location.href"); !strings.HasSuffix(got, address) {
		p.Errorf("the address is %s, want one that ends in %s", got, address)
	}
	p.do(chromedp.KeyEvent(kb.Home))
	for n, key := range []string{kb.ArrowRight, kb.ArrowRight, kb.ArrowLeft} {
		at := number([]int{0, 1, 2}[n])
		p.await(`[...document.querySelectorAll(".now")]
			.every((e) => e.textContent.startsWith("Step ` + at + ` of"))`)
		p.do(chromedp.KeyEvent(key))
	}
	p.do(chromedp.KeyEvent(kb.End))
	p.await(`[...document.querySelectorAll(".now")].every((e) => {
		const [, step, steps] = e.textContent.match(/Step (\d+) of (\d+)/);
		return step === steps;
	})`)
	const places = `[...document.querySelectorAll(".picture-box")]
		.map((e) => e.getBoundingClientRect()).flatMap((r) => [r.left, r.right, r.top, r.bottom])`
	if at := ask[[]float64](p, places); at[4] < at[1] {
		p.Errorf("the pictures are not beside each other: %v", at)
	}
	phone(p)
	if at := ask[[]float64](p, places); at[6] < at[3] {
		p.Errorf("on a phone the pictures are not below each other: %v", at)
	}
	if wide := ask[int](p, "document.documentElement.scrollWidth"); wide > 390 {
		p.Errorf("on a phone it is %d wide", wide)
	}
	full(p)
}

func TestTwoModesStepTogether(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	p.do(
		chromedp.Navigate(s.url),
		chromedp.SetValue(chromedp.CSS("#mode"), "naive-lock"),
		chromedp.SetValue(chromedp.CSS("#fault"), "late"),
		chromedp.SetValue(chromedp.CSS("#beside"), "exactly-once"),
		chromedp.Click(chromedp.CSS(".choice button.main")),
	)
	for _, id := range []string{"status", "beside-status"} {
		p.await(`document.getElementById("` + id + `")?.textContent.includes("As expected")`)
	}
	p.await(`document.querySelectorAll("td.verdict.wrong, td.verdict.right").length === 2`)
	colours := ask[[]string](p, `[...document.querySelectorAll(".status strong")]
		.map((e) => e.textContent + getComputedStyle(e).color)`)
	if len(colours) != 2 || !strings.HasPrefix(colours[0], "Alice paid $30.00 instead of $10.00") ||
		!strings.HasPrefix(colours[1], "Alice paid $10.00: right") ||
		strings.TrimLeft(colours[0], "Alicepd$.01 3") == strings.TrimLeft(colours[1], "Alicepd$.01 3") {
		t.Errorf("the verdicts are %q", colours)
	}
	address := ask[string](p, "location.href")
	p.stepTogether(address)
	p.shot("beside")
	// The address shows both again; when they are no longer kept, it offers them.
	p.do(chromedp.Navigate(address + "?step=2"))
	p.await(`document.getElementById("beside-now").textContent.startsWith("Step 2 of")`)
	p.do(chromedp.Navigate(address + "gone"))
	p.forgive("404")
	if got := ask[string](p, `[mode, fault, beside].map((e) => e.value).join()`); got !=
		"naive-lock,late,exactly-once" {
		t.Errorf("%s are chosen", got)
	}
}

func TestTheMarkedLineIsTheOneAtWork(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	p.press(s, "locked", "late")
	marked := map[string]bool{}
	steps := ask[int](p, `Number(document.getElementById("slider").max)`)
	p.do(chromedp.KeyEvent(kb.Home))
	for n := 1; n <= steps; n++ {
		p.do(chromedp.KeyEvent(kb.ArrowRight))
		p.await(`document.getElementById("now").textContent.startsWith("Step ` + number(n) + ` of")`)
		now := p.text("#now")
		lines := ask[[]string](p, `[...document.querySelectorAll("#code [aria-current]")]
			.filter((e) => {
				const line = e.getBoundingClientRect();
				const box = document.getElementById("code").getBoundingClientRect();
				return line.top >= box.top && line.bottom <= box.bottom;
			}).map((e) => e.textContent.trim())`)
		for said, want := range map[string]string{
			"→ OK": "lease, err := m.locker.Obtain(", "Sent a charge": "charge, err := m.charger.Charge(",
			"Charged Alice": "charge, err := m.charger.Charge(", "Recorded": "if err := m.ledger.Record(",
			"already billed": "return AlreadyBilled, nil", "Released": "defer func()",
		} {
			if strings.Contains(now, said) {
				marked[said] = true
				if len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
					t.Errorf("at %q the lines %q are marked, want %s", now, lines, want)
				}
				if !strings.Contains(now, "(locked.go, line ") {
					t.Errorf("%q does not name the line", now)
				}
			}
		}
	}
	if len(marked) != 6 {
		t.Errorf("only %v were seen", marked)
	}
}

func TestAChapterLeadsToItsRunsAndBack(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	p.press(s, "naive-lock", "late")
	p.do(chromedp.Click(chromedp.CSS(`#chapters a[href="/docs/04-the-late-server"]`)))
	p.await(`document.querySelector("h1")?.textContent.startsWith("4")`)
	p.do(chromedp.Click(chromedp.CSS(`button[value="locked/late"]`)))
	p.await(`document.getElementById("status")?.textContent.includes("As expected")`)
	if got := p.text("h1"); got != "locked under late" {
		t.Errorf("it plays %q", got)
	}
	// The exercise changes the mode, so the button would play something else.
	p.do(chromedp.Click(chromedp.CSS(`#chapters a[href="/docs/04-the-late-server"]`)))
	p.await(`document.querySelector("article details")`)
	if n := ask[int](p, `document.querySelectorAll("article details form").length`); n > 0 {
		t.Errorf("%d exercises have a run", n)
	}
}

func TestTheMatrixIsFilteredAndSaysWhy(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	const visible = `[...document.querySelectorAll(".matrix td")]
		.filter((e) => e.checkVisibility() && !e.matches(".out"))`
	p.do(chromedp.Navigate(s.url + "/matrix#kind=Redis&mode=locked&result=overcharged"))
	p.await(visible + `.length > 0`)
	if others := ask[int](p, visible+`.filter((e) => !e.dataset.words.includes("overcharged") ||
		e.dataset.mode !== "locked" || e.parentElement.dataset.kind !== "Redis").length`); others > 0 {
		t.Errorf("%d cells are shown that the filter leaves out", others)
	}
	few := ask[int](p, visible+".length")
	if got := p.text("#shown"); got != number(few)+" cells" {
		t.Errorf("%d cells are shown, and it says %q", few, got)
	}
	// By keyboard: all kinds again.
	p.do(chromedp.Focus(chromedp.CSS("#kind")), chromedp.KeyEvent(kb.Home))
	p.await(visible + `.length > ` + number(few))
	if got := ask[string](p, "location.hash"); got != "#mode=locked&result=overcharged" {
		t.Errorf("the address ends in %s", got)
	}
	phone(p)
	why := `#why-locked-pause`
	p.do(chromedp.Focus(chromedp.CSS(`button[popovertarget="why-locked-pause"]`)),
		chromedp.KeyEvent(kb.Enter))
	p.await(`document.querySelector("` + why + `").matches(":popover-open")`)
	if got := p.text(why); !strings.Contains(got, "2 charges, 2 entries: overcharged") ||
		!strings.Contains(got, "A lease can't stop a request that was already sent.") {
		t.Errorf("the reason is %q", got)
	}
	p.named()
	p.contrasts("light")
	dark(p)
	p.contrasts("dark")
	p.shot("matrix-why-390px-dark")
	if right := ask[float64](p, `document.querySelector("`+why+`").getBoundingClientRect().right`); right > 390 {
		t.Errorf("on a phone the reason ends at %v", right)
	}
	p.do(chromedp.KeyEvent(kb.Escape))
	p.await(`!document.querySelector("` + why + `").matches(":popover-open")`)
}
