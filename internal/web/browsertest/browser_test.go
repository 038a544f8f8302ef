package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" && os.Getenv("CHROMIUM") == "required" {
		t.Fatal("there is no Chromium on this machine: apt-get install chromium")
	} else if path == "" {
		t.Skip("there is no Chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1200, 900),
		chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// pageLimit is the time a test may spend on a page: the longest test waits for an expiry.
const pageLimit = 60 * time.Second

// page is one tab.
type page struct {
	*testing.T
	ctx   context.Context
	close func()

	mu     sync.Mutex
	errors []string // the complaints in its console
}

// open opens a tab. A complaint in its console fails the test.
func open(t *testing.T, browser context.Context) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	ctx, cancelTime := context.WithTimeout(ctx, pageLimit)
	p := &page{T: t, ctx: ctx, close: func() { cancelTime(); cancel() }}
	t.Cleanup(p.close)
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.complain(e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError ||
				e.Type == runtime.ConsoleAPICalledTypeWarning {
				p.complain("the page's script called console." + string(e.Type))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				p.complain(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	call(p, log.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.errors) > 0 {
			t.Errorf("the console has:\n%s", strings.Join(p.errors, "\n"))
		}
	})
	return p
}

func (p *page) complain(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = append(p.errors, line)
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](p *page, expression string) T {
	p.Helper()
	answer, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return answer
}

// call calls a method of the browser.
func call[P, R any](p *page, command cdp.Command[P, R], params P) R {
	p.Helper()
	answer, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.Fatal(err)
	}
	return answer
}

// await returns when the expression is true. It ignores errors while one page replaces another.
func (p *page) await(expression string) {
	p.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && yes {
			return
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			p.Fatalf("wait for %s: %v (%v)", expression, p.ctx.Err(), err)
		}
	}
}

// text returns the text of an element.
func (p *page) text(selector string) string {
	p.Helper()
	return ask[string](p, "document.querySelector("+quoted(selector)+").innerText")
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// press selects a mode and a fault, presses Midnight and waits for the verdict.
func (p *page) press(s *served, mode, fault string) {
	p.Helper()
	p.do(
		chromedp.Navigate(s.url),
		chromedp.SetValue(chromedp.CSS("#mode"), mode),
		chromedp.SetValue(chromedp.CSS("#fault"), fault),
		chromedp.Click(chromedp.CSS(".choice button.main")),
	)
	p.await(`document.getElementById("status")?.textContent.includes("expected")`)
	p.await(`document.getElementById("account").textContent.includes("Read from")`)
}

// charges returns the number of charges at Stripe in the picture.
func (p *page) charges() int {
	p.Helper()
	return ask[int](p, `(() => {
		const name = [...document.querySelectorAll("#picture .name")]
			.find(e => e.textContent === "Stripe").getBoundingClientRect();
		return [...document.querySelectorAll("#picture .charge")].filter(e => {
			const r = e.getBoundingClientRect();
			return r.top < name.bottom && r.bottom > name.top;
		}).length;
	})()`)
}

// shot saves a screenshot if SCREENSHOTS is set.
func (p *page) shot(name string) {
	p.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.Fatal(err)
	}
}
