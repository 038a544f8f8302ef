// The page works without its scripts, which only save the reader from reloading.
"use strict";

// The text below each list describes the selected option.
for (const select of document.querySelectorAll("select")) {
  const about = byID(select.id + "-about");
  if (!about) continue;
  const say = () => { about.textContent = select.selectedOptions[0].dataset.about; };
  select.addEventListener("change", say);
  say(); // a browser may have kept an earlier choice
}

// A fault that does not apply to a selected mode can't be chosen.
const mode = byID("mode");
if (mode) {
  const beside = byID("beside");
  const offer = () => {
    const modes = [mode.value, beside?.value];
    const faults = byID("fault");
    for (const option of faults.options) {
      const not = option.dataset.not.split(" ").filter((name) => modes.includes(name));
      option.disabled = not.some((name) => name !== "");
      option.textContent = option.value + (option.disabled ? ` (not with ${not[0]})` : "");
    }
    if (faults.selectedOptions[0].disabled) {
      faults.selectedIndex = 0;
      faults.dispatchEvent(new Event("change"));
    }
  };
  mode.addEventListener("change", offer);
  beside?.addEventListener("change", offer);
  offer();
}

// say tells the reader of a run what has become of it.
function say(side, words, detail = "") {
  const status = side.querySelector(".status");
  status.querySelector("strong").textContent = words;
  status.querySelector("span").textContent = detail;
}

const run = byID("run");
if (run) watch(run, [...run.querySelectorAll(".side")]);

function watch(run, sides) {
  const address = run.dataset.address;
  const more = stepper(run, async (n) => {
    try {
      const answer = await fetch(`${address}/steps/${n}`);
      return answer.ok ? await answer.text() : null;
    } catch {
      say(sides[0], "The page's server no longer answers. Start demo serve again.");
      return null;
    }
  }, (step, steps) => {
    byID("back").href = `${address}?step=${Math.max(0, step - 1)}`;
    byID("forward").href = `${address}?step=${Math.min(steps, step + 1)}`;
    history.replaceState(null, "", step === steps ? address : `${address}?step=${step}`);
  });
  if (!("live" in run.dataset)) return;
  const news = sides.map((side) => follow(side, () => {
    const known = news.filter((one) => one.steps !== undefined);
    more(Math.max(...known.map((one) => one.steps), Number(run.dataset.steps)),
      known.length === sides.length && known.every((one) => one.over));
  }));
}

// follow shows what becomes of a live run, and calls changed when it has more steps or an end.
function follow(side, changed) {
  const known = {};
  const refund = side.querySelector(".refund");
  const button = refund.querySelector("button");
  refund.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    side.querySelector(".status").focus();
    say(side, "The reconciler compares both sides.");
    // The answer redirects to the run's page, whose text also comes as news.
    const answer = await fetch(refund.action, { method: "POST", redirect: "manual" });
    if (answer.type !== "opaqueredirect") {
      say(side, await answer.text());
      button.disabled = false;
    }
  });
  let told = side.querySelector(".status").textContent.trim();
  let steps = Number(side.dataset.steps);
  const events = new EventSource(`${side.dataset.address}/events`);
  events.addEventListener("message", (message) => {
    const news = JSON.parse(message.data);
    const words = `${news.status} ${news.detail}`.trim();
    Object.assign(known, news);
    if (news.steps === steps && words === told) return; // the page shows it already
    steps = news.steps;
    told = words;
    say(side, news.status, news.detail);
    button.disabled = !news.refundable;
    changed();
  });
  // The browser reconnects by itself, unless the server has refused.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) say(side, "This run is no longer kept.");
  });
  return known;
}
