// The pages of the static site: a program in Go searches and draws, in a worker. Everything is in
// scripts, so that the site works from a folder as well as from a server.
"use strict";

const load = (file) => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = file;
  script.onload = resolve;
  script.onerror = () => reject(new Error(`${file} can't be read`));
  document.head.append(script);
});

// make returns an element with these properties and children.
function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// ask asks the program, which is started at the first question, and calls back with its progress.
const ask = (() => {
  const waiting = new Map();
  let last = 0;
  let worker = null;
  async function start() {
    await load("program.js");
    const glue = `${program.exec}
      onmessage = async ({ data }) => {
        const bytes = await new Response(new Blob([data]).stream()
          .pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
        const go = new Go();
        const { instance } = await WebAssembly.instantiate(bytes, go.importObject);
        go.run(instance);
        onmessage = ({ data }) => answer(data);
        postMessage("");
      };`;
    const made = new Worker(URL.createObjectURL(new Blob([glue], { type: "text/javascript" })));
    await new Promise((resolve, reject) => {
      made.onmessage = resolve;
      made.onerror = (event) => reject(new Error(event.message));
      made.postMessage(Uint8Array.from(atob(program.wasm), (c) => c.charCodeAt(0)));
    });
    made.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      const { progress, resolve, reject } = waiting.get(answer.id);
      if (answer.progress) return progress(answer.progress);
      waiting.delete(answer.id);
      if (answer.problem) return reject(new Error(answer.problem));
      resolve(answer);
    };
    return made;
  }
  return async (question, progress = () => {}) => {
    worker ??= start();
    const running = await worker;
    return new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { progress, resolve, reject });
      running.postMessage(JSON.stringify({ id, ...question }));
    });
  };
})();

// reveal scrolls a picture that is wider than the screen to what happened last.
function reveal(picture) {
  const fixed = ".paper, .lane, .time, .name, .title, defs, style, title, desc";
  const left = picture.firstElementChild.getBoundingClientRect().left;
  const ends = [...picture.querySelectorAll(`svg > :not(${fixed})`)]
    .map((mark) => mark.getBoundingClientRect().right - left);
  picture.scrollLeft = Math.max(0, ...ends) + 24 - picture.clientWidth;
}

// stepper fills a section with a recording, which can be played, stepped through and paused.
async function stepper(section, recording) {
  const picture = make("div", { id: "picture", className: "scroll", tabIndex: 0 });
  const now = make("p", { id: "now" });
  const list = make("ol");
  const slider = make("input", { type: "range", min: 0, max: recording.events.length });
  slider.setAttribute("aria-label", "Step");
  let step = 0;
  let timer = null;
  const pause = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  async function show(n) {
    step = Math.max(0, Math.min(recording.events.length, n));
    slider.value = step;
    const { picture: svg, lines } = await ask({ draw: { ...recording, step } });
    picture.innerHTML = svg; // our own program's
    reveal(picture);
    list.replaceChildren(...lines.map((line, i) => {
      const button = make("button", { type: "button", onclick: () => { pause(); show(i + 1); } },
        make("span", { className: "time" }, line.after), " ", make("strong", {}, line.who), " ",
        line.words);
      if (i + 1 === step) button.setAttribute("aria-current", "step");
      return make("li", { hidden: i >= step }, button);
    }));
    const line = lines?.[step - 1];
    now.textContent = `Step ${step} of ${recording.events.length}` +
      (line ? `: ${line.who} at ${line.after}: ${line.words}` : "");
    verdict.hidden = step < recording.events.length;
    if (step === recording.events.length) pause();
  }
  const button = (text, move) => make("button", { type: "button", onclick: () => { pause(); move(); } }, text);
  const play = make("button", { type: "button", className: "main", onclick: () => {
    if (timer) return pause();
    if (step === recording.events.length) step = 0;
    play.textContent = "Pause";
    show(step + 1);
    timer = setInterval(() => show(step + 1), 900);
  } }, "Play");
  slider.oninput = () => { pause(); show(Number(slider.value)); };
  const verdict = make("p", { className: recording.wrong ? "verdict wrong" : "verdict right" },
    recording.verdict);
  section.replaceChildren(make("h2", {}, recording.title), make("p", {}, recording.about), picture,
    make("div", { className: "steps" }, play, button("Back", () => show(step - 1)),
      button("Forward", () => show(step + 1)), button("Last", () => show(Infinity)), slider),
    now, verdict, make("h3", {}, "Event by event"), make("div", { id: "events" }, list));
  now.setAttribute("aria-live", "polite");
  document.onkeydown = (event) => {
    const moves = { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: Infinity };
    if (event.target.closest("select, input") || !(event.key in moves)) return;
    event.preventDefault();
    pause();
    show(moves[event.key]);
  };
  await show(recording.events.length);
}

// say shows a problem where the reader looks.
const say = (element, words) => { element.textContent = words; };

// run.html: the recorded run that the address names, such as #naive-lock/late.
async function recorded(section) {
  const [mode, fault] = decodeURIComponent(location.hash.slice(1)).split("/");
  try {
    const known = document.body.dataset.recorded.split(" ").includes(mode);
    if (known) await load(`runs/${mode}.js`);
    const recording = runs[mode]?.[fault];
    if (!recording) throw new Error(`no run of ${mode} under ${fault} was recorded`);
    document.title = recording.title;
    await stepper(section, recording);
  } catch (problem) {
    say(section, `This run can't be shown: ${problem.message}.`);
  }
}

// explorer.html: searches what the form says.
function explorer(form, status, section) {
  form.onsubmit = async (event) => {
    event.preventDefault();
    const chosen = new FormData(form);
    const press = form.querySelector("button");
    press.disabled = true;
    section.replaceChildren();
    say(status, "Starting the search.");
    try {
      const { said, found = [] } = await ask({ search: {
        mode: chosen.get("mode"), servers: Number(chosen.get("servers")),
        faults: Number(chosen.get("faults")), only: chosen.get("only"),
      } }, (progress) => say(status, progress));
      status.replaceChildren(said[0], make("br"), said[1],
        make("p", { className: found.length ? "verdict wrong" : "verdict right" }, said[2]));
      if (found.length) await stepper(section, found[0]);
    } catch (problem) {
      say(status, `The search ended: ${problem.message}.`);
    }
    press.disabled = false;
  };
  form.only.onchange = () => { form.faults.disabled = form.only.value !== ""; };
}

self.runs = {};
const page = document.body.dataset.page;
const section = document.getElementById("run");
if (page === "run") {
  recorded(section);
  self.onhashchange = () => recorded(section);
} else if (page === "explorer") {
  explorer(document.querySelector("form"), document.getElementById("status"), section);
}
