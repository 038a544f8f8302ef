package browsertest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A recording in a file needs no server: of one run, and of several in frames.
func TestStepsInAFile(t *testing.T) {
	b := browser(t)
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	recorded, one, all := filepath.Join(dir, "run"), filepath.Join(dir, "1.html"),
		filepath.Join(dir, "all.html")
	for _, args := range [][]string{
		{"explore", "--mode=claimed", "--fault=crash-before-charge",
			"--fault=crash-after-charge", "--record=" + recorded},
		{"replay", recorded, "--run=1", "--html=" + one}, {"replay", recorded, "--html=" + all},
	} {
		if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	p := open(t, b)
	p.do(chromedp.Navigate("file://" + one))
	p.await(`document.getElementById("now").textContent.startsWith("Step")`)
	p.do(chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowRight))
	p.await(`document.getElementById("now").textContent.startsWith("Step 1 of ")`)
	p.do(chromedp.Navigate("file://" + all))
	p.await(`document.querySelectorAll("iframe[srcdoc]").length > 1`)
	p.do(chromedp.Click(chromedp.CSS("summary")))
	p.await(`frames.length > 1`)
}
