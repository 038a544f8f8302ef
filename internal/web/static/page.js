// The page works without this script, which only saves the reader from reloading.
"use strict";

// The text below each list describes the selected option.
for (const select of document.querySelectorAll("select")) {
  const about = document.getElementById(select.id + "-about");
  const say = () => { about.textContent = select.selectedOptions[0].dataset.about; };
  select.addEventListener("change", say);
  say(); // a browser may have kept an earlier choice
}

// A fault that does not apply to the selected mode can't be chosen.
const mode = document.getElementById("mode");
if (mode) {
  const offer = () => {
    const faults = document.getElementById("fault");
    for (const option of faults.options) {
      option.disabled = option.dataset.not.split(" ").includes(mode.value);
      option.textContent = option.value + (option.disabled ? ` (not with ${mode.value})` : "");
    }
    if (faults.selectedOptions[0].disabled) {
      faults.selectedIndex = 0;
      faults.dispatchEvent(new Event("change"));
    }
  };
  mode.addEventListener("change", offer);
  offer();
}

const run = document.getElementById("run");
if (run) watch(run);

// reveal scrolls a picture that is wider than the screen to what happened last.
function reveal(picture) {
  const fixed = ".paper, .lane, .time, .name, .title, defs, style, title, desc";
  const left = picture.firstElementChild.getBoundingClientRect().left;
  const ends = [...picture.querySelectorAll(`svg > :not(${fixed})`)]
    .map((mark) => mark.getBoundingClientRect().right - left);
  picture.scrollLeft = Math.max(0, ...ends) + 24 - picture.clientWidth;
}

function watch(run) {
  const byID = (id) => document.getElementById(id);
  const address = run.dataset.address;
  const slider = byID("slider");
  const now = byID("now");
  let step = Number(run.dataset.step);
  let steps = Number(run.dataset.steps);
  let aim = step; // the step that was requested last
  // At the last step the page follows the run live, until the reader steps back.
  let following = step === steps;
  let wanted = null;
  let fetching = false;

  slider.parentElement.hidden = false;
  now.setAttribute("aria-live", following && !("over" in run.dataset) ? "off" : "polite");

  // show shows a step. If several are requested during a fetch, it fetches only the last of them.
  async function show(n) {
    wanted = n;
    if (fetching) return;
    fetching = true;
    try {
      while (wanted !== null) {
        const n = wanted;
        wanted = null;
        const kept = byID(`step-${n}`); // a page in a file has them all
        if (kept) {
          put(kept.content.cloneNode(true));
        } else {
          const answer = await fetch(`${address}/steps/${n}`);
          if (!answer.ok) return;
          put(new DOMParser().parseFromString(await answer.text(), "text/html"));
        }
        step = n;
        links();
      }
    } catch {
      byID("status").textContent = "The page's server no longer answers. Start demo serve again.";
    } finally {
      fetching = false;
    }
  }

  // put replaces the parts that change, and keeps the controls and the scroll positions.
  function put(parts) {
    const focused = document.activeElement.dataset.step;
    for (const part of parts.querySelectorAll("[data-for]")) {
      byID(part.dataset.for).replaceChildren(...part.childNodes);
    }
    reveal(byID("picture"));
    if (focused) {
      byID("events").querySelector(`[data-step="${focused}"]`)?.focus({ preventScroll: true });
    }
  }

  function links() {
    slider.max = steps;
    slider.value = step;
    slider.setAttribute("aria-valuetext", now.textContent);
    byID("back").href = `${address}?step=${Math.max(0, step - 1)}`;
    byID("forward").href = `${address}?step=${Math.min(steps, step + 1)}`;
    const here = step === steps ? address : `${address}?step=${step}`;
    if (address) history.replaceState(null, "", here);
  }

  // Playing shows a step at a time, slowly enough to follow. Any other move ends it.
  const play = byID("play");
  let playing = null;
  play.hidden = false;
  play.addEventListener("click", () => {
    if (playing) return pause();
    if (aim === steps) go(0);
    playing = setInterval(() => {
      const at = aim + 1;
      go(at, true);
      if (at >= steps) pause();
    }, 900);
    play.textContent = "Pause";
  });
  function pause() {
    clearInterval(playing);
    playing = null;
    play.textContent = "Play slowly";
  }

  function go(n, played) {
    if (!played) pause();
    n = Math.min(steps, Math.max(0, n));
    aim = n;
    following = n === steps;
    now.setAttribute("aria-live", "polite");
    show(n);
  }

  const moves = {
    first: () => go(0), back: () => go(aim - 1), forward: () => go(aim + 1),
    last: () => go(steps),
  };
  for (const [id, move] of Object.entries(moves)) {
    byID(id).addEventListener("click", (event) => { event.preventDefault(); move(); });
  }
  slider.addEventListener("input", () => go(Number(slider.value)));
  byID("events").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-step]");
    if (!link) return;
    event.preventDefault();
    go(Number(link.dataset.step));
  });
  const keys = { Home: "first", ArrowLeft: "back", ArrowRight: "forward", End: "last" };
  document.addEventListener("keydown", (event) => {
    const own = event.target.closest("select, input, .scroll"); // they use these keys themselves
    if (own || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.key in keys) {
      event.preventDefault();
      moves[keys[event.key]]();
    }
  });
  links();
  reveal(byID("picture"));

  if (!("live" in run.dataset)) return;
  const refund = byID("refund");
  const status = byID("status");
  refund.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = refund.querySelector("button");
    button.disabled = true;
    status.focus();
    status.textContent = "The reconciler compares both sides.";
    // The answer redirects to the run's page, whose text also comes as news.
    const answer = await fetch(refund.action, { method: "POST", redirect: "manual" });
    if (answer.type !== "opaqueredirect") {
      status.textContent = await answer.text();
      button.disabled = false;
    }
  });

  let told = status.textContent;
  const events = new EventSource(`${address}/events`);
  events.addEventListener("message", (message) => {
    const news = JSON.parse(message.data);
    if (news.steps === steps && news.status === told) return; // the page shows it already
    steps = news.steps;
    told = news.status;
    status.textContent = told;
    refund.querySelector("button").disabled = !news.refundable;
    if (news.over) now.setAttribute("aria-live", "polite");
    if (following) {
      aim = steps;
      show(steps);
    } else {
      links();
    }
  });
  // The browser reconnects by itself, unless the server has refused.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) {
      status.textContent = "This run is no longer kept.";
    }
  });
}
