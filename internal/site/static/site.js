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

// stage shows recordings in a section, one or two beside each other, and lets the reader step through
// them. What came of one is shown at its end.
async function stage(section, recordings) {
  const one = recordings.length === 1;
  section.replaceChildren(byID(`stage-of-${recordings.length}`).content.cloneNode(true));
  section.prepend(make("h2", {}, recordings.map((r) => r.title).join(" · ")),
    make("p", {}, recordings[0].about));
  const run = byID("run");
  const ids = ["", "beside-"].slice(0, recordings.length);
  const steps = Math.max(...recordings.map((r) => r.events.length));
  Object.assign(run.dataset, { step: steps, steps, over: "" });
  const statuses = recordings.map((recording, i) => {
    if (!one) byID(`${ids[i]}heading`).textContent = recording.title;
    const chapters = (recording.chapters ?? []).flatMap(({ Name, Title }, n) =>
      [n ? ", " : "To read: ", make("a", { href: `${Name}.html` }, Title)]);
    byID(`${ids[i]}chapters`).replaceChildren(make("p", {}, ...chapters));
    const status = byID(`${ids[i]}status`);
    const [first, ...rest] = recording.verdict.split("\n");
    status.classList.add(recording.wrong ? "wrong" : "right");
    status.firstElementChild.textContent = first;
    status.lastElementChild.textContent = rest.join("\n");
    return status;
  });
  const draw = async (step) => (await Promise.all(recordings.map((recording, i) =>
    ask({ draw: { ...recording, step, beside: ids[i], narrow: !one } }))))
    .map(({ parts }) => parts).join("");
  const more = stepper(run, draw, (step) => statuses.forEach((status, i) => {
    const over = step >= recordings[i].events.length;
    status.style.visibility = over ? "visible" : "hidden";
  }));
  await more(steps, true);
}

// recorded shows the run that the address names, such as #naive-lock/late, or two of them, such as
// #naive-lock+locked/late.
async function recorded(form, section) {
  const [modes, fault = "none"] = decodeURIComponent(location.hash.slice(1) || form.mode.value +
    "/" + form.fault.value).split("/");
  const chosen = modes.split("+").slice(0, 2);
  [form.mode.value, form.beside.value = ""] = chosen;
  form.fault.value = fault;
  try {
    const recordings = [];
    for (const mode of chosen) {
      const known = [...form.mode.options].some((option) => option.value === mode);
      if (known && !runs[mode]) await load(`runs/${mode}.js`);
      if (!runs[mode]?.[fault]) throw new Error(`no run of ${mode} under ${fault} was recorded`);
      recordings.push(runs[mode][fault]);
    }
    document.title = recordings.map((r) => r.title).join(" · ");
    await stage(section, recordings);
  } catch (problem) {
    section.textContent = `This run can't be shown: ${problem.message}.`;
  }
}

// explorer searches what the form says.
function explorer(form, section) {
  const say = (words, rest = "", kind = "") => {
    const searched = byID("searched");
    searched.className = `status ${kind}`;
    searched.firstElementChild.textContent = words;
    searched.lastElementChild.textContent = rest;
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    const chosen = new FormData(form);
    const press = form.querySelector("button");
    press.disabled = true;
    section.replaceChildren();
    say("", "Starting the search.");
    try {
      const { said, found = [] } = await ask({ search: {
        mode: chosen.get("mode"), servers: Number(chosen.get("servers")),
        faults: Number(chosen.get("faults")), only: chosen.get("only"),
      } }, (progress) => say("", progress));
      say(said[2], `${said[0]}\n${said[1]}`, found.length ? "wrong" : "right");
      if (found.length) await stage(section, [found[0]]);
    } catch (problem) {
      say("", `The search ended: ${problem.message}.`);
    }
    press.disabled = false;
  };
  form.only.onchange = () => { form.faults.disabled = form.only.value !== ""; };
}

self.runs = {};
const form = document.querySelector("form");
const section = byID("stage");
if (document.body.dataset.page === "run") {
  form.onchange = () => {
    const beside = form.beside.value && `+${form.beside.value}`;
    location.hash = `${form.mode.value}${beside}/${form.fault.value}`;
  };
  self.onhashchange = () => recorded(form, section);
  recorded(form, section);
} else {
  explorer(form, section);
}
