// Shows rows page by page. What a person rejects is in rejections.js, which stands before this.
// Text of rows and documents is only ever set as text, never as markup.
"use strict";
const PER_PAGE = 50;
const find = (name) => document.getElementById(name);
const data = JSON.parse(find("data").textContent);
const rows = data.rows;
const byId = new Map(rows.map((row) => [row.id, row]));
const stored = `sfta-review-${data.digest}`;
const state = { shown: [], at: 0, page: 0, mine: new Map(Object.entries(data.mine)), saved: true };

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(stored));
    if (!kept) return;
    state.mine = new Map(Object.entries(kept));
    state.saved = false;
    say("Rejections that were not saved are back.");
  } catch { /* a browser that keeps nothing still shows the page */ }
}

function keep() {
  state.saved = false;
  try {
    localStorage.setItem(stored, JSON.stringify(Object.fromEntries(state.mine)));
  } catch { /* same */ }
}

function options(select, first, counts) {
  const chosen = select.value;
  select.replaceChildren(...[["", first], ...counts].map(([value, label]) => {
    const option = element("option", label);
    option.value = value;
    return option;
  }));
  select.value = chosen;
}

function counted(key, among) {
  const counts = new Map();
  for (const row of among) counts.set(row[key], (counts.get(row[key]) ?? 0) + 1);
  return [...counts].sort().map(([name, count]) => [name, `${name} (${count})`]);
}

function fillFilters() {
  const accepted = rows.filter((row) => !row.reason);
  options(find("kind"), "all kinds", counted("kind", rows));
  options(find("split"), "all splits", counted("split", rows));
  const mine = ["mine", `rejected by hand (${state.mine.size})`];
  const reasons = counted("reason", rows.filter((row) => row.reason));
  const filtered = reasons.map(([name, label]) => [`why ${name}`, label]);
  options(find("reason"), `accepted rows (${accepted.length})`, [mine, ...filtered, ["every", "everything"]]);
  find("counts").textContent = `${accepted.length} rows, ${state.mine.size} rejected by hand`;
  find("save").textContent = `Save rejections.jsonl (${state.mine.size})`;
}

function haystack(row) {
  row.text ??= [row.question, row.answer, row.completion, row.id, row.kind,
    ...row.context.map(([chunk]) => `${data.chunks[chunk][0]} ${data.chunks[chunk][3]}`)]
    .join("\n").toLowerCase();
  return row.text;
}

function fits(row, wanted) {
  if (wanted.kind && row.kind !== wanted.kind) return false;
  if (wanted.split && row.split !== wanted.split) return false;
  if (wanted.reason === "mine" && !state.mine.has(row.id)) return false;
  if (wanted.reason === "" && row.reason) return false;
  if (wanted.reason.startsWith("why ") && row.reason !== wanted.reason.slice(4)) return false;
  return wanted.words.every((word) => haystack(row).includes(word));
}

function filter() {
  const current = state.shown[state.at];
  const wanted = {
    kind: find("kind").value, split: find("split").value, reason: find("reason").value,
    words: find("search").value.toLowerCase().split(/\s+/).filter(Boolean),
  };
  state.shown = rows.filter((row) => fits(row, wanted));
  show(Math.max(0, state.shown.indexOf(current)));
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
    const why = state.mine.get(row.id) ?? row.reason;
    const below = why ? element("small", why, "why") : element("small", `${row.kind}, ${row.split}`);
    button.append(element("span", row.question), below);
    button.classList.toggle("gone", state.mine.has(row.id));
    button.setAttribute("aria-current", String(start + offset === state.at));
    button.addEventListener("click", () => show(start + offset));
    item.append(button);
    return item;
  }));
  find("list").querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  const total = state.shown.length;
  find("place").textContent = total ? `${start + 1} to ${start + page.length} of ${total}` : "no row";
  find("back").disabled = start === 0;
  find("more").disabled = start + PER_PAGE >= total;
}

function drawRow() {
  const row = state.shown[state.at];
  const parts = row ? [...describe(row), ...context(row)] : [element("p", "No row fits these filters.", "quiet")];
  find("row").replaceChildren(...parts);
  const gone = row && state.mine.has(row.id);
  const button = find("reject");
  button.disabled = !row || Boolean(row.reason);
  button.firstChild.textContent = gone ? "Take back" : "Reject";
  button.classList.toggle("back", Boolean(gone));
  find("previous").disabled = state.at === 0;
  find("next").disabled = state.at + 1 >= state.shown.length;
}

function describe(row) {
  const why = state.mine.get(row.id);
  const flag = why ? `Rejected by hand: ${why}` : row.reason ? `Turned away: ${row.reason}` : "";
  const target = element("p", "", "target");
  const text = row.completion || row.answer || "no answer";
  const start = row.answer && row.answer !== text ? text.lastIndexOf(row.answer) : -1;
  if (start < 0) target.textContent = text;
  else target.append(text.slice(0, start), element("b", row.answer), text.slice(start + row.answer.length));
  return [
    ...(flag ? [element("p", flag, "flag")] : []),
    element("h2", row.question),
    element("p", `${row.kind}, ${row.split}, row ${row.id}`, "quiet"),
    element("h3", row.completion ? "What the model must say" : "Answer of the teacher"),
    target,
  ];
}

function context(row) {
  if (!row.context.length) return [element("h3", "No documents: the row trains closed book")];
  return [
    element("h3", row.reason ? "Chunk the question was made from" : "What the model is shown"),
    ...row.context.map(([chunk, oracle], number) => {
      const [title, page, heading, text] = data.chunks[chunk];
      const box = element("section", "", oracle ? "chunk oracle" : "chunk");
      const head = element("div");
      head.append(element("strong", `[${number + 1}] ${title}, page ${page}`),
        element("span", oracle ? "oracle" : "distractor", "role"), element("span", heading, "heading"));
      box.append(head, marked(text, row.marks.filter((mark) => mark[0] === chunk)));
      return box;
    }),
  ];
}

function marked(text, marks) {
  const shown = element("p");
  let place = 0;
  for (const [, start, end, from, to] of [...marks].sort((a, b) => a[1] - b[1])) {
    if (start < place) continue;
    const mark = element("mark");
    mark.append(text.slice(start, from));
    if (to > from) mark.append(element("b", text.slice(from, to)));
    mark.append(text.slice(to, end));
    shown.append(text.slice(place, start), mark);
    place = end;
  }
  shown.append(text.slice(place));
  return shown;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (find("why").open) return onReasonKey(event);
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const step = { j: 1, k: -1 }[event.key];
  if (step) show(state.at + step);
  else if (event.key === "r") askWhy();
  else if (event.key === "/") find("search").focus();
  else return;
  event.preventDefault();
}

let waiting = 0;
find("search").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(filter, 120);
});
for (const name of ["kind", "split", "reason"]) find(name).addEventListener("change", filter);
find("previous").addEventListener("click", () => show(state.at - 1));
find("next").addEventListener("click", () => show(state.at + 1));
find("back").addEventListener("click", () => show((state.page - 1) * PER_PAGE));
find("more").addEventListener("click", () => show((state.page + 1) * PER_PAGE));
find("reject").addEventListener("click", askWhy);
find("cancel").addEventListener("click", () => find("why").close());
find("confirm").addEventListener("click", confirmOther);
find("save").addEventListener("click", save);
find("open").addEventListener("change", (event) => {
  if (event.target.files.length) open(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("keydown", onKey);
window.addEventListener("beforeunload", (event) => { if (!state.saved) event.preventDefault(); });
find("reasons").append(...data.reasons.map((reason, number) => {
  const button = element("button", "", "plain");
  button.type = "button";
  button.append(element("kbd", String(number + 1)), reason);
  button.addEventListener("click", () => reject(reason));
  return button;
}));
restore();
fillFilters();
filter();
