package browsertest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func number(n int) string { return strconv.Itoa(n) }

// Everybody must be able to use the page: each control has a role and a name, the Tab key visits
// them in reading order, and all text has enough contrast.
func TestEverybodyCanUseThePage(t *testing.T) {
	b := browser(t)
	s := serve(t)
	played := open(t, b)
	played.press(s, "locked", "pause")
	run := ask[string](played, "location.href")
	played.do(chromedp.Navigate(s.url + "/?mode=locked&fault=pause&beside=exactly-once"))
	played.do(chromedp.Click(chromedp.CSS(".choice button.main")))
	played.await(`document.getElementById("beside-status")?.textContent.includes("As expected")`)
	for name, address := range map[string]string{
		"home": s.url, "matrix": s.url + "/matrix", "run": run, "step": run + "?step=6",
		"beside":  ask[string](played, "location.href"),
		"chapter": s.url + "/docs/04-the-late-server",
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, b)
			p.do(chromedp.Navigate(address))
			p.await(`document.readyState === "complete"`)
			p.reached()
			p.shot("page-" + name + "-dark")
			phone(p)
			p.do(chromedp.Reload()) // the Tab key begins at the top
			p.tabbed()
			p.shot("page-" + name + "-390px-dark")
			if wide := ask[int](p, "document.documentElement.scrollWidth"); wide > 390 {
				t.Errorf("on a phone it is %d wide", wide)
			}
		})
	}
}

// reached checks the names, the order and the contrasts of a page, in light and in dark.
func (p *page) reached() {
	p.Helper()
	p.named()
	p.tabbed()
	p.contrasts("light")
	dark(p)
	p.contrasts("dark")
}

// controls are the roles of controls.
func controls() []string {
	return []string{"button", "link", "combobox", "slider", "textbox", "checkbox", "radio"}
}

// named asks Chromium's accessibility tree for each control's role and name.
func (p *page) named() {
	p.Helper()
	nodes := call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes
	roles := map[string]int{}
	for _, n := range nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role := unquote(n.Role.Value)
		roles[role]++
		named := n.Name != nil && unquote(n.Name.Value) != ""
		if slices.Contains(append(controls(), "img", "table", "main", "heading"), role) &&
			!named && role != "main" && role != "table" {
			p.Errorf("a %s has no name (backend node %v)", role, n.BackendDOMNodeID)
		}
	}
	for _, role := range []string{"main", "navigation", "heading", "link"} {
		if roles[role] == 0 {
			p.Errorf("the tree has no %s, but %v", role, roles)
		}
	}
	if focusable := ask[int](p, focusable+".length"); focusable > sum(roles) {
		p.Errorf("%d elements take the focus, and the tree has %d controls", focusable, sum(roles))
	}
}

func sum(roles map[string]int) (n int) {
	for _, role := range append(controls(), "group") {
		n += roles[role]
	}
	return n
}

func unquote(value []byte) string {
	if s, err := strconv.Unquote(string(value)); err == nil {
		return s
	}
	return string(value)
}

// focusable selects the elements that the Tab key should visit.
const focusable = `[...document.querySelectorAll("a[href], button, select, input, summary, [tabindex='0']")]
	.filter(e => !e.disabled && e.checkVisibility())`

// scrolled is whether the focus is on what is wider than the page, where Chromium adds a stop.
const scrolled = `document.activeElement.matches("article :is(pre, table)")`

// tabbed goes through the page with the Tab key.
func (p *page) tabbed() {
	p.Helper()
	want := ask[int](p, `window.todo = `+focusable+`; document.activeElement.blur(); todo.length`)
	for n := range want {
		p.do(chromedp.KeyEvent(kb.Tab))
		for ask[bool](p, scrolled) {
			p.do(chromedp.KeyEvent(kb.Tab))
		}
		if at := ask[int](p, "todo.indexOf(document.activeElement)"); at != n {
			p.Errorf("the tabulator's stop %d of %d is the page's %d: %s", n, want, at,
				ask[string](p, "document.activeElement.outerHTML.slice(0, 200)"))
			return
		}
	}
	// No element is above an earlier one or, in the same row, before it.
	if got := ask[[]string](p, `(() => {
		const wrong = [];
		scrollTo(0, 0); // or what is sticky is not in its place
		for (let i = 2; i < todo.length; i++) {
			if (todo[i-1].contains(todo[i])) continue; // it scrolls
			const column = (e) => e.closest(".source, .side");
			if (column(todo[i-1]) !== column(todo[i])) continue;
			const a = todo[i-1].getBoundingClientRect(), b = todo[i].getBoundingClientRect();
			if (b.bottom <= a.top || b.top < a.bottom && b.bottom > a.top && b.left < a.left)
				wrong.push(todo[i].outerHTML.slice(0, 100));
		}
		return wrong;
	})()`); len(got) > 0 {
		p.Errorf("these come too late: %v", got)
	}
}

// contrasts computes WCAG's contrast of each text with its background, which must be 4.5, or 3 for
// large text. https://www.w3.org/TR/WCAG22/#contrast-minimum
func (p *page) contrasts(theme string) {
	p.Helper()
	type poor struct {
		Text     string
		Contrast float64
	}
	for _, f := range ask[[]poor](p, contrast) {
		p.Error(fmt.Sprintf("%s: %q has a contrast of %.2f", theme, f.Text, f.Contrast))
	}
}

const contrast = `(() => {
	const parse = c => c.match(/[\d.]+/g).map(Number);
	const light = c => {
		const [r, g, b] = c.map(v => v / 255)
			.map(v => v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = e => {
		for (; e; e = e.parentElement) {
			const style = getComputedStyle(e);
			const c = parse(style.backgroundColor);
			if (c.length < 4 || c[3] > 0) return c;
		}
		return [255, 255, 255];
	};
	const poor = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		const text = walk.currentNode.textContent.trim();
		if (!text || e.closest("script, style, title, desc, :disabled") || !e.checkVisibility())
			continue;
		const style = getComputedStyle(e);
		const svg = e.closest("svg");
		let back = behind(e);
		if (svg && e.classList.contains("sign"))
			back = parse(getComputedStyle(e.previousElementSibling).fill);
		const [a, b] = [light(parse(svg ? style.fill : style.color).slice(0, 3)),
			light(back.slice(0, 3))].sort((x, y) => y - x);
		const got = (a + 0.05) / (b + 0.05);
		const size = parseFloat(style.fontSize);
		const large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
		if (got < (large ? 3 : 4.5)) poor.push({Text: text.slice(0, 40), Contrast: got});
	}
	return poor;
})()`
