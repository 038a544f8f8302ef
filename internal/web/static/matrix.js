// The matrix shows all cells without this script, which leaves out some of them.
"use strict";

const filter = document.getElementById("filter");
const fields = ["kind", "mode", "result"];

// apply hides the rows, the columns and the cells that the form leaves out.
function apply() {
  const [kind, mode, result] = fields.map((name) => filter.elements[name].value);
  let count = 0;
  const cells = (row) => [...row.querySelectorAll("[data-mode]")];
  for (const head of cells(document.querySelector(".matrix thead"))) {
    head.hidden = mode !== "" && head.dataset.mode !== mode;
  }
  for (const row of document.querySelectorAll(".matrix tbody tr")) {
    let shown = 0;
    for (const cell of cells(row)) {
      cell.hidden = mode !== "" && cell.dataset.mode !== mode;
      const left = cell.dataset.words.split(" ").includes(result) || result === "";
      cell.classList.toggle("out", !left);
      if (left && !cell.hidden) shown++;
    }
    row.hidden = shown === 0 || kind !== "" && row.dataset.kind !== kind;
    if (!row.hidden) count += shown;
  }
  document.getElementById("shown").textContent = `${count} ${count === 1 ? "cell" : "cells"}`;
  const chosen = new URLSearchParams(fields.map((name) => [name, filter.elements[name].value])
    .filter(([, value]) => value !== ""));
  history.replaceState(null, "", chosen.size > 0 ? `#${chosen}` : location.pathname);
}

// choose selects what the address says.
function choose() {
  const chosen = new URLSearchParams(location.hash.slice(1));
  for (const name of fields) filter.elements[name].value = chosen.get(name) ?? "";
  apply();
}

filter.hidden = false;
filter.addEventListener("change", apply);
filter.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", choose);
choose();
