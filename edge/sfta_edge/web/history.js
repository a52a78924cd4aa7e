// What this person asked before, newest first.

import { call, path } from "./api.js";
import { answerBody, answerFoot } from "./answer.js";
import { confirmed } from "./dialog.js";
import { fill, make, newId } from "./element.js";
import { icon } from "./icon.js";
import { clock, day, say } from "./language.js";
import { note, notify, problemNote } from "./notice.js";
import { empty, iconButton } from "./row.js";
import { sourceList } from "./sources.js";
import { thread } from "./thread.js";

const AT_ONCE = 30;

export async function showHistory(root) {
  const list = make("div.history", {});
  const press = { type: "button", hidden: true, onclick: () => deleteAll(root) };
  const clear = make("button.plain.danger-text", press, icon("trash"), say("history.clear"));
  fill(root, make("div.view-head", {}, make("h1", {}, say("nav.history")), clear), list);
  const found = await loadMore(list, null);
  clear.hidden = found === 0;
  if (found === 0) fill(list, empty("history", say("history.empty"), say("history.empty.text")));
}

/** Add the entries that came before one; returns how many there were. */
async function loadMore(list, before) {
  const since = before === null ? "" : `&before=${encodeURIComponent(before)}`;
  const { entries } = await call("GET", `v1/history?limit=${AT_ONCE}${since}`);
  for (const entry of entries) addEntry(list, entry);
  if (entries.length === AT_ONCE) {
    const more = make("button.more", { type: "button" }, say("more"));
    more.addEventListener("click", async () => {
      more.disabled = true;
      await loadMore(list, entries.at(-1).id);
      more.remove();
    });
    list.append(more);
  }
  return entries.length;
}

function addEntry(list, entry) {
  const date = day(entry.time);
  let group = list.lastElementChild;
  if (group?.dataset.day !== date) {
    group = make("section.history-day", { "data-day": date }, make("h2.quiet", {}, date), make("ul.rows"));
    list.append(group);
  }
  group.querySelector("ul").append(row(entry));
}

function row(entry) {
  const id = newId("entry");
  const body = make("div.history-body.card", { id, hidden: true });
  const open = make(
    "button.history-open",
    { type: "button", "aria-expanded": "false", "aria-controls": id },
    make("span.history-question", {}, entry.question),
    make("span.small.quiet", {}, `${clock(entry.time)} · ${outcome(entry.answer)}`),
  );
  open.addEventListener("click", () => {
    const opened = body.hidden;
    if (opened && !body.hasChildNodes()) fill(body, details(entry));
    body.hidden = !opened;
    open.setAttribute("aria-expanded", String(opened));
  });
  const label = say("history.delete", { question: entry.question });
  const remove = iconButton("trash", label, () => deleteOne(entry, item));
  const item = make("li.row.history-row", {}, make("div.history-line", {}, open, remove), body);
  return item;
}

function outcome(answer) {
  if (answer.hidden) return say("history.hidden.title");
  return answer.refused ? say("refused.title") : answer.answer.slice(0, 160);
}

function details(entry) {
  const press = () => {
    thread.draft = entry.question;
    location.hash = "#/ask";
  };
  const again = make("button.plain", { type: "button", onclick: press }, icon("again"), say("history.again"));
  return [
    make("p.printed-question", {}, entry.question),
    entry.answer.hidden ? hiddenBody(entry.answer) : answerBody(entry.answer),
    answerFoot(entry.question, entry.answer, again),
  ];
}

/** Why an answer is not shown, and the sources that may still be read. */
function hiddenBody(answer) {
  const why = make("p", {}, say("history.hidden.text", { count: answer.hidden }));
  return [
    note("info", make("p.strong", {}, say("history.hidden.title")), why),
    sourceList(answer, say("sources.title")),
  ];
}

async function deleteOne(entry, item) {
  const text = say("history.delete.text", { question: entry.question });
  if (!(await confirmed({ title: say("history.delete.title"), text, action: say("delete") }))) return;
  try {
    await call("DELETE", path`v1/history/${entry.id}`);
    const group = item.closest(".history-day");
    item.remove();
    if (!group.querySelector("li")) group.remove();
  } catch (problem) {
    notify(problem.sentence, "bad");
  }
}

async function deleteAll(root) {
  const question = { title: say("history.clear"), text: say("history.clear.text"), action: say("history.clear") };
  if (!(await confirmed(question))) return;
  try {
    await call("DELETE", "v1/history");
    await showHistory(root);
  } catch (problem) {
    fill(root, problemNote(problem));
  }
}
