package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestThePage(t *testing.T) {
	b := browser(t)
	s := serve(t)
	t.Run("three charges without coordination, and the refund", func(t *testing.T) {
		p := open(t, b)
		p.press(s, "uncoordinated", "none")
		p.shows("3 × $10.00 = $30.00", "3 × $10.00 = $30.00", "overcharged", 3)
		p.shot("uncoordinated-none")
		p.do(chromedp.Click(chromedp.CSS(".refund button")))
		p.await(`document.getElementById("status").textContent.startsWith("Refunded")`)
		p.await(`document.querySelector("td.verdict").textContent === "right"`)
		p.shows("3 × $10.00 = $30.00 less $20.00",
			"3 × $10.00 = $30.00 less $20.00", "right", 3)
		if got := p.text("#done"); strings.Count(got, "refunded pi_") != 2 {
			t.Errorf("it says %q, want two refunds", got)
		}
		if !ask[bool](p, `document.querySelector(".refund button").disabled`) {
			t.Error("there is still something to refund")
		}
		p.shot("refunded")
	})
	t.Run("one charge under the lock", func(t *testing.T) {
		p := open(t, b)
		p.press(s, "locked", "none")
		p.shows("1 × $10.00", "1 × $10.00", "right", 1)
		p.shot("locked-none")
	})
	t.Run("two charges if the one with the lock is paused", func(t *testing.T) {
		p := open(t, b)
		p.press(s, "locked", "pause")
		p.shows("2 × $10.00 = $20.00", "2 × $10.00 = $20.00", "overcharged", 2)
		if got := p.text("#events"); !strings.Contains(got, "Is paused.") {
			t.Errorf("nobody is paused in %q", got)
		}
		p.shot("locked-pause")
		dark(p)
		p.shot("locked-pause-dark")
		phone(p)
		p.shot("locked-pause-390px")
		if wide := ask[int](p, "document.documentElement.scrollWidth"); wide > 390 {
			t.Errorf("on a phone it is %d wide", wide)
		}
	})
	t.Run("every cell of the matrix plays its run", func(t *testing.T) {
		p := open(t, b)
		p.do(
			chromedp.Navigate(s.url+"/matrix"),
			chromedp.Click(chromedp.CSS(`button[popovertarget="why-claimed-late"]`)),
			chromedp.Click(chromedp.CSS(`button[value="claimed/late"]`)),
		)
		p.await(`document.getElementById("status")?.textContent.includes("As expected")`)
		if got := p.text("h1"); got != "claimed under late" {
			t.Errorf("it plays %q", got)
		}
	})
	t.Run("an address that is not kept offers its cell", func(t *testing.T) {
		p := open(t, b)
		p.do(chromedp.Navigate(s.url + "/runs/fenced/late/longgone"))
		if got := p.text(".problem"); !strings.Contains(got, "no longer kept") {
			t.Errorf("it says %q", got)
		}
		chosen := ask[string](p, `mode.value + " " + fault.value`)
		if chosen != "fenced late" {
			t.Errorf("%s is chosen", chosen)
		}
		p.forgive("404") // the console reports it, too
	})
	t.Run("from Midnight to the verdict", func(t *testing.T) {
		p := open(t, b)
		const limit = 3 * time.Second
		best := time.Hour
		for try := 0; try < 10 && best > limit; try++ { // a machine that is busy proves nothing
			began := time.Now()
			p.press(s, "uncoordinated", "none")
			best = min(best, time.Since(began))
		}
		t.Logf("from Midnight to the verdict: %v", best.Round(time.Millisecond))
		if best > limit {
			t.Errorf("it takes %v, want at most %v", best, limit)
		}
	})
}

// shows fails the test unless the page shows these texts and this number of charges.
func (p *page) shows(atStripe, inLedger, verdict string, charges int) {
	p.Helper()
	got := []string{p.text(".at-stripe"), p.text(".in-ledger"), p.text("td.verdict")}
	if got[0] != atStripe || got[1] != inLedger || got[2] != verdict {
		p.Errorf("the page says %q, want %q, %q, %q", got, atStripe, inLedger, verdict)
	}
	if n := p.charges(); n != charges {
		p.Errorf("the picture has %d charges at Stripe, want %d", n, charges)
	}
}

// forgive removes one expected complaint of the console.
func (p *page) forgive(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, line := range p.errors {
		if strings.Contains(line, what) {
			p.errors = append(p.errors[:i], p.errors[i+1:]...)
			return
		}
	}
}

func dark(p *page) {
	p.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
}

func phone(p *page) {
	p.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: 390, Height: 844, DeviceScaleFactor: 2, Mobile: true,
	})
}

func TestStepsByKeyboard(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	p.press(s, "locked", "late")
	steps := ask[int](p, `Number(document.getElementById("slider").max)`)
	at := func(n int) {
		t.Helper()
		p.await(`document.getElementById("now").textContent.startsWith("Step ` + number(n) + ` of")`)
	}
	at(steps)
	p.do(chromedp.KeyEvent(kb.ArrowLeft))
	at(steps - 1)
	if got := p.text("#account"); !strings.Contains(got, "Counted from") {
		t.Errorf("before the end the page says %q", got)
	}
	p.do(chromedp.KeyEvent(kb.Home))
	at(0)
	if n := p.charges(); n != 0 {
		t.Errorf("before anything has happened there are %d charges", n)
	}
	for n := 1; n <= 3; n++ {
		p.do(chromedp.KeyEvent(kb.ArrowRight))
		at(n)
	}
	if got := ask[string](p, "location.search"); got != "?step=3" {
		t.Errorf("the address ends in %q, want the step", got)
	}
	p.do(chromedp.Reload())
	at(3)
	p.do(chromedp.KeyEvent(kb.End))
	at(steps)
	// The slider uses the same keys itself.
	p.do(chromedp.Focus(chromedp.CSS("#slider")), chromedp.KeyEvent(kb.ArrowLeft))
	at(steps - 1)
	// The keyboard also starts the next run.
	p.do(chromedp.Focus(chromedp.CSS(".choice button.main")), chromedp.KeyEvent(kb.Enter))
	p.await(`document.getElementById("status")?.textContent.includes("As expected")`)
}

func TestABrowserThatLeavesEndsNothing(t *testing.T) {
	b := browser(t)
	s := serve(t)
	address := s.midnight(t, "locked", "pause")
	first, second := open(t, b), open(t, b)
	for _, p := range []*page{first, second} {
		p.do(chromedp.Navigate(s.url + address))
	}
	first.await(`document.querySelectorAll("#events li").length > 1`)
	first.close()
	second.await(`document.getElementById("status").textContent.includes("As expected")`)
	second.await(`document.getElementById("account").textContent.includes("Read from")`)
	second.shows("2 × $10.00 = $20.00", "2 × $10.00 = $20.00", "overcharged", 2)
}
