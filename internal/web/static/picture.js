// Stepping through a run, or through two beside each other: on the live page, in a file and on the
// static site.
"use strict";

const byID = (id) => document.getElementById(id);

// reveal scrolls a picture that is wider than the screen to what happened last.
function reveal(picture) {
  const fixed = ".paper, .lane, .time, .name, .title, defs, style, title, desc";
  const left = picture.firstElementChild.getBoundingClientRect().left;
  const ends = [...picture.querySelectorAll(`svg > :not(${fixed})`)]
    .map((mark) => mark.getBoundingClientRect().right - left);
  picture.scrollLeft = Math.max(0, ...ends) + 24 - picture.clientWidth;
}

// arrange scrolls pictures and code to what happened last.
function arrange(run) {
  for (const picture of run.querySelectorAll(".picture-box")) if (picture.firstElementChild) reveal(picture);
  for (const code of run.querySelectorAll(".code")) {
    const line = code.querySelector("[aria-current]");
    if (line) code.scrollTop = line.offsetTop - code.clientHeight / 3;
  }
}

// stepper makes the controls of a run work. draw returns the HTML of the parts at a step, each of
// which says where it goes; moved is called when a step is shown. It returns how to say that there
// are more steps.
function stepper(run, draw, moved = () => {}) {
  const slider = byID("slider");
  const nows = run.querySelectorAll(".now");
  let step = Number(run.dataset.step);
  let steps = Number(run.dataset.steps);
  let aim = step; // the step that was requested last
  // At the last step the page follows the run live, until the reader steps back.
  let following = step === steps;
  let wanted = null;
  let drawing = false;
  stepper.last?.abort(); // the run that was here before
  const { signal } = stepper.last = new AbortController();

  const announce = () => nows.forEach((now) => now.setAttribute("aria-live", "polite"));
  slider.parentElement.hidden = false;
  if (!following || "over" in run.dataset) announce();

  // show shows a step. If several are requested while one is drawn, it draws only the last of them.
  async function show(n) {
    wanted = n;
    if (drawing) return;
    drawing = true;
    try {
      while (wanted !== null) {
        const n = wanted;
        wanted = null;
        const parts = await draw(n);
        if (signal.aborted || parts === null) return;
        put(new DOMParser().parseFromString(parts, "text/html"));
        step = n;
        links();
      }
    } finally {
      drawing = false;
    }
  }

  // put replaces the parts that change, and keeps the controls and the scroll positions.
  function put(parts) {
    const focused = document.activeElement.closest("[data-step]");
    const list = focused?.closest(".events");
    for (const part of parts.querySelectorAll("[data-for]")) {
      byID(part.dataset.for).replaceChildren(...part.childNodes);
    }
    arrange(run);
    list?.querySelector(`[data-step="${focused.dataset.step}"]`)?.focus({ preventScroll: true });
  }

  function links() {
    slider.max = steps;
    slider.value = step;
    slider.setAttribute("aria-valuetext", [...nows].map((now) => now.textContent).join(" "));
    moved(step, steps);
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
  signal.addEventListener("abort", pause);

  function go(n, played) {
    if (!played) pause();
    n = Math.min(steps, Math.max(0, n));
    aim = n;
    following = n === steps;
    announce();
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
  run.addEventListener("click", (event) => {
    const link = event.target.closest("[data-step]:not(#run)");
    if (!link) return;
    event.preventDefault();
    go(Number(link.dataset.step));
  });
  const keys = { Home: "first", ArrowLeft: "back", ArrowRight: "forward", End: "last" };
  document.addEventListener("keydown", (event) => {
    // These use the keys themselves.
    const own = event.target.closest("select, input, .scroll, [popover]");
    if (own || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.key in keys) {
      event.preventDefault();
      moves[keys[event.key]]();
    }
  }, { signal });
  links();
  arrange(run);

  return (n, over) => {
    steps = n;
    if (over) announce();
    if (!following) return links();
    aim = steps;
    return show(steps);
  };
}

// A page in a file has all steps in it.
if (byID("step-0")) stepper(byID("run"), async (n) => byID(`step-${n}`).innerHTML);
