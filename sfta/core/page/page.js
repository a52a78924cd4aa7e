// What pages of records share: the list, fifty records at a time, and moving in it. A page says
// what a record is in the list, listed(), how it is shown, drawRow(), and which are wanted, filter().
// Text of records is only ever set as text, never as markup.
"use strict";
const PER_PAGE = 50;
const find = (name) => document.getElementById(name);
const data = JSON.parse(find("data").textContent);
const state = { shown: [], at: 0, page: 0, saved: true };

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text) { find("said").textContent = text; }

function options(select, first, counts) {
  const chosen = select.value;
  select.replaceChildren(...[["", first], ...counts].map(([value, label]) => {
    const option = element("option", label);
    option.value = value;
    return option;
  }));
  select.value = chosen;
}

function counted(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort().map(([name, count]) => [name, `${name} (${count})`]);
}

function searched() {
  return find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
}

function show(at) {
  state.at = Math.min(Math.max(0, at), Math.max(0, state.shown.length - 1));
  state.page = Math.floor(state.at / PER_PAGE);
  drawList();
  drawRow();
}

function drawList() {
  const start = state.page * PER_PAGE;
  const page = state.shown.slice(start, start + PER_PAGE);
  find("list").replaceChildren(...page.map((row, offset) => {
    const item = element("li");
    const button = element("button");
    button.type = "button";
    const { title, below, why, gone } = listed(row);
    button.append(element("span", title), element("small", why || below, why ? "why" : ""));
    button.classList.toggle("gone", gone);
    button.setAttribute("aria-current", String(start + offset === state.at));
    button.addEventListener("click", () => show(start + offset));
    item.append(button);
    return item;
  }));
  find("list").querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  const total = state.shown.length;
  find("place").textContent = total ? `${start + 1} to ${start + page.length} of ${total}` : data.none;
  find("back").disabled = start === 0;
  find("more").disabled = start + PER_PAGE >= total;
  find("previous").disabled = state.at === 0;
  find("next").disabled = state.at + 1 >= total;
}

function listen(filters) {
  let waiting = 0;
  find("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  for (const name of filters) find(name).addEventListener("change", filter);
  find("previous").addEventListener("click", () => show(state.at - 1));
  find("next").addEventListener("click", () => show(state.at + 1));
  find("back").addEventListener("click", () => show((state.page - 1) * PER_PAGE));
  find("more").addEventListener("click", () => show((state.page + 1) * PER_PAGE));
  window.addEventListener("beforeunload", (event) => { if (!state.saved) event.preventDefault(); });
}

function download(name, parts) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "application/x-ndjson" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

// A browser that keeps nothing still shows the page.
function store(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch { return false; }
}

function stored(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}
