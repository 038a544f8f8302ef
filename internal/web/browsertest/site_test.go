package browsertest

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// site writes a site with few recorded runs.
func site(t *testing.T) (folder string) {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), "site")
	cmd := exec.Command(program, "site", folder, "--mode", "naive-lock", "--mode", "redlock",
		"--fault", "late", "--fault", "redis-failover")
	cmd.Dir = filepath.Join("..", "..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return folder
}

func TestTheSiteWorksFromAFolderAndFromAServer(t *testing.T) {
	browser := browser(t)
	folder := site(t)
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	for name, address := range map[string]string{
		"folder": "file://" + folder, "server": server.URL,
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, browser)
			p.do(chromedp.Navigate(address + "/table.html"))
			p.shot("site-table")
			p.do(chromedp.Click(chromedp.CSS(`button[popovertarget="why-naive-lock-late"]`)),
				chromedp.Click(chromedp.CSS(`a[href="run.html#naive-lock/late"]`)))
			p.await(`document.querySelector("#run svg")`)
			p.shot("site-run")
			if got := p.text("#status.wrong"); !strings.Contains(got, "paid $30.00 instead of") {
				t.Errorf("the verdict of naive-lock under late is %q", got)
			}
			if got := p.charges(); got != 3 {
				t.Errorf("the picture has %d charges at Stripe, want 3", got)
			}
			p.do(chromedp.Click(chromedp.CSS("#play"))) // from the beginning
			p.await(`document.getElementById("now").textContent.startsWith("Step 2 of")`)
			p.do(chromedp.Click(chromedp.CSS("#play")))
			if got := p.charges(); got != 0 {
				t.Errorf("at step 2 the picture has %d charges, want none", got)
			}

			p.do(chromedp.Navigate(address+"/explorer.html"),
				chromedp.SetValue(chromedp.CSS("#mode"), "check-first"),
				chromedp.SetValue(chromedp.CSS("#faults"), "0"),
				chromedp.Click(chromedp.CSS(".choice button.main")))
			p.await(`document.querySelector("#run svg")`)
			p.shot("site-explorer")
			if got := p.text("#searched"); !strings.Contains(got, "something is wrong in") {
				t.Errorf("the explorer says of check-first: %q", got)
			}
			if got := p.charges(); got != 2 {
				t.Errorf("the counterexample has %d charges, want 2", got)
			}
			p.do(chromedp.SetValue(chromedp.CSS("#mode"), "exactly-once"),
				chromedp.Click(chromedp.CSS("form button.main")))
			p.await(`document.getElementById("searched").textContent.includes("nothing is wrong")`)

			p.do(chromedp.Navigate(address + "/04-the-late-server.html"))
			p.shot("site-chapter")
			p.do(chromedp.Click(chromedp.CSS(`a[href="run.html#naive-lock/late"]`)))
			p.await(`document.querySelector("#run svg")`)
			p.do(chromedp.Click(chromedp.CSS(`#chapters a[href="04-the-late-server.html"]`)))
			p.await(`document.querySelector("h1").textContent.startsWith("4")`)
			p.do(chromedp.Navigate(address + "/run.html#naive-lock/late"))
			p.await(`document.querySelector("#run svg")`)
			p.do(chromedp.SetValue(chromedp.CSS("#beside"), "redlock"))
			ask[bool](p, `document.forms[0].dispatchEvent(new Event("change"))`)
			p.stepTogether("naive-lock+redlock/late")
			phone(p)
			p.do(chromedp.Click(chromedp.CSS("#back")))
			p.await(`document.getElementById("now").textContent.startsWith("Step")`)
			p.shot("site-run-390px")
			p.await(`[...document.querySelectorAll("#picture .charge")].some((e) => {
				const box = e.getBoundingClientRect();
				return box.left >= 0 && box.right <= 390;
			})`)
			for _, page := range []string{"table", "explorer", "run", "index", "09-exactly-once"} {
				full(p)
				p.do(chromedp.Navigate(address + "/" + page + ".html"))
				p.await(`document.body.dataset.page !== "run" || document.querySelector("#run svg")`)
				p.reached()
				phone(p)
				p.shot("site-" + page + "-390px")
				if wide := ask[int](p, "document.documentElement.scrollWidth"); wide > 390 {
					t.Errorf("on a phone %s is %d wide", page, wide)
				}
			}
			p.do(chromedp.Navigate(address + "/run.html#locked/pause"))
			p.await(`document.getElementById("stage").textContent.includes("can't be shown")`)
		})
	}
}
