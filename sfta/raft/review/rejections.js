// Rows that a person turns away: asking why, keeping it, and the file it is saved to.
"use strict";
function sameQuestion(row) {
  return rows.filter((other) => !other.reason && other.question === row.question);
}

function askWhy() {
  const row = state.shown[state.at];
  if (!row || row.reason) return;
  if (state.mine.has(row.id)) return takeBack(row);
  const others = sameQuestion(row).length - 1;
  find("also").hidden = others === 0;
  find("also").lastElementChild.textContent = others === 1
    ? "and the other row that asks this" : `and the ${others} other rows that ask this`;
  find("all").checked = true;
  find("other").value = "";
  find("why").showModal();
  find("reasons").firstElementChild.focus();
}

function reject(reason) {
  const row = state.shown[state.at];
  const chosen = find("all").checked ? sameQuestion(row) : [row];
  for (const one of chosen) state.mine.set(one.id, reason);
  find("why").close();
  changed(`${chosen.length === 1 ? "Row" : `${chosen.length} rows`} rejected: ${reason}.`);
  if (state.shown[state.at] === row) show(state.at + 1);
}

function takeBack(row) {
  state.mine.delete(row.id);
  changed("Row taken back.");
}

function changed(text) {
  keep();
  fillFilters();
  filter();
  say(text);
}

function lines() {
  return [...state.mine].sort().map(([id, reason]) => {
    const row = byId.get(id);
    return `${JSON.stringify({ id, reason, question: row?.question ?? "", answer: row?.answer ?? "" })}\n`;
  });
}

function save() {
  download("rejections.jsonl", lines());
  state.saved = true;
  store(key, null);
  say(`Saved. Name the file in the recipe: ${data.key}.`);
}

async function open(file) {
  try {
    const found = (await file.text()).split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));
    const known = found.filter((one) => byId.has(one.id));
    for (const one of known) state.mine.set(one.id, String(one.reason || "no reason given"));
    changed(`${known.length} rejections read${found.length > known.length
      ? `; ${found.length - known.length} name rows that are not here` : ""}.`);
  } catch {
    say("This is no file of rejections.");
  }
}

function onReasonKey(event) {
  const typing = event.target === find("other");
  const reason = data.reasons[Number(event.key) - 1];
  if (!typing && reason) reject(reason);
  else if (event.key === "Enter" && typing) confirmOther();
  else return;
  event.preventDefault();
}

function confirmOther() {
  const reason = find("other").value.trim();
  if (reason) reject(reason);
  else find("other").focus();
}
