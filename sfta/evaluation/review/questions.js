// Shows questions. The list is in page.js, what is changed in changes.js and the form in form.js,
// before this.
"use strict";

function summary() {
  const counts = [[entries.filter((entry) => entry.now && !isAdded(entry)).length, "changed"],
    [entries.filter((entry) => entry.rejected).length, "rejected"], [entries.filter(isAdded).length, "added"]];
  const told = counts.filter(([count]) => count).map(([count, what]) => `, ${count} ${what}`);
  return `${data.rows.length} questions${told.join("")}`;
}

function fillFilters() {
  const count = (test) => entries.filter(test).length;
  options(find("status"), `all (${entries.length})`, [
    ["answerable", `answerable (${count((entry) => current(entry).answerable)})`],
    ["unanswerable", `not answerable (${count((entry) => !current(entry).answerable)})`],
    ["touched", `changed, rejected or added (${count(isTouched)})`],
    ["problem", `with a problem (${count((entry) => problems(entry).length)})`],
  ]);
  const kinds = entries.map((entry) => current(entry).kind).filter(Boolean);
  options(find("kind"), "all kinds", counted(kinds));
  suggest("kinds", kinds);
  suggest("files", entries.flatMap((entry) => current(entry).oracle_pages.map((page) => page.document)));
  suggest("wordings", ["paraphrase", ...entries.flatMap((entry) => current(entry).variants.map(({ name }) => name))]);
  find("counts").textContent = summary();
}

function suggest(name, values) {
  find(name).replaceChildren(...[...new Set(values)].sort().map((value) => {
    const option = element("option");
    option.value = value;
    return option;
  }));
}

const STATUS = {
  answerable: (entry) => current(entry).answerable,
  unanswerable: (entry) => !current(entry).answerable,
  touched: isTouched,
  problem: (entry) => problems(entry).length > 0,
};

function fits(entry, words) {
  const row = current(entry);
  const status = STATUS[find("status").value];
  if (status && !status(entry)) return false;
  if (find("kind").value && row.kind !== find("kind").value) return false;
  const text = [row.question, ...row.answers, row.reference, row.kind, entry.was.id,
    ...row.oracle_pages.map((page) => page.document), ...row.variants.map(({ text: wording }) => wording),
    ...documentsOf(entry).map(({ title, text: body }) => `${title}\n${body}`)].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

function filter() {
  const chosen = state.shown[state.at];
  const words = searched();
  state.shown = entries.filter((entry) => fits(entry, words));
  show(Math.max(0, state.shown.indexOf(chosen)));
}

function listed(entry) {
  const row = current(entry);
  const told = row.answerable ? row.answers.join(" | ") : "no answer";
  const status = isAdded(entry) ? "added: " : entry.now ? "changed: " : "";
  const [problem] = problems(entry);
  return {
    title: row.question || "(no question)", below: `${status}${told}`,
    why: entry.rejected ? "rejected" : problem, gone: entry.rejected,
  };
}

function drawRow() {
  const entry = state.shown[state.at];
  find("row").replaceChildren(...(entry ? questionForm(entry) : [element("p", "No question fits these filters.", "quiet")]));
  drawFlags();
  find("reject").disabled = !entry;
}

function drawFlags() {
  const entry = state.shown[state.at];
  const told = !entry ? [] : entry.rejected ? ["Rejected: it is not saved."] : problems(entry);
  find("row").querySelector(".flags")?.replaceChildren(...told.map((text) => element("p", text, "flag")));
  find("reject").firstChild.textContent = entry?.rejected ? "Take back" : "Reject";
  find("reject").classList.toggle("back", Boolean(entry?.rejected));
  find("undo").disabled = !entry || isAdded(entry) || !entry.now;
}

function changed() {
  if (!keep()) say("This browser keeps nothing: save before you close the page.");
  fillFilters();
  drawList();
  drawFlags();
}

function reject() {
  const entry = state.shown[state.at];
  if (!entry) return;
  entry.rejected = !entry.rejected;
  changed();
  say(entry.rejected ? "Question rejected." : "Question taken back.");
  if (entry.rejected) show(state.at + 1);
}

function takeBack() {
  const entry = state.shown[state.at];
  if (!entry || isAdded(entry) || !entry.now) return;
  undo(entry);
  drawRow();
  say("The question is as it was.");
}

function addQuestion() {
  const entry = add();
  for (const name of ["search", "status", "kind"]) find(name).value = "";
  filter();
  show(state.shown.indexOf(entry));
  find("question").focus();
}

function save() {
  const wrong = entries.filter((entry) => problems(entry).length);
  if (wrong.length) {
    for (const name of ["search", "kind"]) find(name).value = "";
    find("status").value = "problem";
    state.at = 0;
    filter();
    say(`Not saved: ${wrong.length} ${wrong.length === 1 ? "question has" : "questions have"} a problem.`);
    return;
  }
  const text = content();
  if (!text.trim()) { say("Not saved: every question is rejected."); return; }
  download(data.file, [text]);
  state.saved = true;
  say(`Saved as ${data.file}.`);
}

const KEYS = { r: reject, u: takeBack, a: addQuestion, e: () => find("question")?.focus(),
  "/": () => find("search").focus(), j: () => show(state.at + 1), k: () => show(state.at - 1) };

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") save();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  } else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

listen(["status", "kind"]);
for (const [name, run] of Object.entries({ reject, undo: takeBack, add: addQuestion, save }))
  find(name).addEventListener("click", run);
document.addEventListener("keydown", onKey);
restore();
fillFilters();
filter();
