package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestARunIsPlayedSlowlyAndFollowedOnAPhone(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	phone(p)
	p.press(s, "uncoordinated", "late")
	money := `[...document.querySelectorAll("#picture .charge")].some((e) => {
		const box = e.getBoundingClientRect();
		return box.left >= 0 && box.right <= 390;
	})`
	p.await(money)
	p.do(chromedp.Click(chromedp.CSS("#play")))
	p.await(`document.getElementById("now").textContent.startsWith("Step 2 of")`)
	p.shot("play-390px")
	p.do(chromedp.Click(chromedp.CSS("#play")))
	if got := p.text("#play"); got != "Play slowly" {
		t.Errorf("the button of a paused run says %q", got)
	}
	p.do(chromedp.Click(chromedp.CSS("#last")))
	p.await(money)
}

func TestAFaultThatDoesNotApplyCanNotBeChosen(t *testing.T) {
	b := browser(t)
	s := serve(t)
	p := open(t, b)
	p.do(chromedp.Navigate(s.url))
	for _, choice := range [][2]string{
		{"mode", "redlock"}, {"fault", "redlock-majority"}, {"mode", "locked"},
	} {
		ask[bool](p, `(() => {
			const list = document.getElementById(`+quoted(choice[0])+`);
			list.value = `+quoted(choice[1])+`;
			return list.dispatchEvent(new Event("change"));
		})()`)
	}
	p.await(`document.querySelector('option[value="redlock-majority"]').disabled`)
	if got := ask[string](p, `document.getElementById("fault").value`); got != "none" {
		t.Errorf("the chosen fault is %s", got)
	}
	about := ask[string](p, `document.getElementById("fault-about").textContent`)
	if !strings.Contains(about, "same instant") {
		t.Errorf("of none it says %q", about)
	}
}
