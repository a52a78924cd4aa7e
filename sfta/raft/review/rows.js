// Shows rows. The list is in page.js and what a person rejects in rejections.js, before this.
"use strict";
const rows = data.rows;
const byId = new Map(rows.map((row) => [row.id, row]));
const key = `sfta-review-${data.digest}`;
state.mine = new Map(Object.entries(data.mine));

function restore() {
  const kept = stored(key);
  if (!kept) return;
  state.mine = new Map(Object.entries(kept));
  state.saved = false;
  say("Rejections that were not saved are back.");
}

function keep() {
  state.saved = false;
  store(key, Object.fromEntries(state.mine));
}

function fillFilters() {
  const accepted = rows.filter((row) => !row.reason);
  options(find("kind"), "all kinds", counted(rows.map((row) => row.kind)));
  options(find("split"), "all splits", counted(rows.map((row) => row.split)));
  const mine = ["mine", `rejected by hand (${state.mine.size})`];
  const reasons = counted(rows.map((row) => row.reason).filter(Boolean));
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
    words: searched(),
  };
  state.shown = rows.filter((row) => fits(row, wanted));
  show(Math.max(0, state.shown.indexOf(current)));
}

function listed(row) {
  const mine = state.mine.get(row.id);
  const below = `${row.kind}, ${row.split}`;
  return { title: row.question, below, why: mine ?? row.reason, gone: mine !== undefined };
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

listen(["kind", "split", "reason"]);
find("reject").addEventListener("click", askWhy);
find("cancel").addEventListener("click", () => find("why").close());
find("confirm").addEventListener("click", confirmOther);
find("save").addEventListener("click", save);
find("open").addEventListener("change", (event) => {
  if (event.target.files.length) open(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("keydown", onKey);
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
