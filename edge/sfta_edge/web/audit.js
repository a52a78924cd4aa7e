// What happened on the device, from a log that shows when somebody changed it.

import { call, path } from "./api.js";
import { formDialog, messageDialog } from "./dialog.js";
import { fill, make } from "./element.js";
import { factList, inOneLine, readable } from "./facts.js";
import { field } from "./field.js";
import { icon } from "./icon.js";
import { dateTime, say } from "./language.js";
import { note, notify, problemNote } from "./notice.js";
import { empty, iconButton, row } from "./row.js";

const AT_ONCE = 50;
const KINDS = { answer: "audit.answer", login: "audit.login", redact: "audit.redacted" };
/** Facts that stand in the row itself, or say nothing to a person. */
const SHOWN = new Set(["id", "kind", "time", "user", "question", "redacted"]);

export async function showAudit(root) {
  const state = make("div", { role: "status" });
  const list = make("ul.rows", {});
  const more = make("div", {});
  const press = { type: "button", onclick: () => verify(check, state) };
  const check = make("button", press, icon("shield"), say("audit.verify"));
  const file = { href: "v1/audit/export", download: "audit.jsonl" };
  const save = make("a.button", file, icon("download"), say("audit.export"));
  fill(
    root,
    make("div.view-head", {}, make("h2", {}, say("admin.audit")), make("div.actions", {}, check, save)),
    make("p.quiet.lead", {}, say("audit.text")),
    state,
    list,
    more,
  );
  const { records, intact } = await load({ root, list, more }, null);
  if (intact !== null && intact !== undefined) fill(state, intactNote(intact));
  if (records.length === 0) fill(list, make("li", {}, empty("shield", say("audit.empty"), "")));
}

async function load(parts, before) {
  const since = before === null ? "" : `&before=${encodeURIComponent(before)}`;
  const page = await call("GET", `v1/audit?limit=${AT_ONCE}${since}`);
  const again = () => showAudit(parts.root);
  for (const record of page.records) parts.list.append(recordRow(record, again));
  fill(parts.more, page.records.length === AT_ONCE ? moreButton(parts, page.records.at(-1).id) : null);
  return page;
}

function moreButton(parts, before) {
  const button = make("button.more", { type: "button" }, say("more"));
  button.addEventListener("click", () => {
    button.disabled = true;
    load(parts, before);
  });
  return button;
}

function intactNote(intact) {
  return intact
    ? note("good", make("p", {}, say("audit.intact")))
    : note("bad", make("p", {}, say("audit.broken")));
}

async function verify(button, state) {
  button.disabled = true;
  try {
    const { intact, records, first_bad: bad, why } = await call("POST", "v1/audit/verify");
    fill(state, intact ? note("good", make("p", {}, say("audit.verified", { count: records }))) : firstBad(bad, why));
  } catch (problem) {
    fill(state, problemNote(problem));
  } finally {
    button.disabled = false;
  }
}

function firstBad(bad, why) {
  const text = say("audit.bad", { id: inOneLine(bad) });
  return note("bad", make("p.strong", {}, text), why ? make("p.small", {}, why) : null);
}

function recordRow(record, again) {
  const { id } = record;
  const kind = record.kind in KINDS ? say(KINDS[record.kind]) : readable(record.kind);
  const facts = Object.fromEntries(Object.entries(record).filter(([name]) => !SHOWN.has(name)));
  const details = Object.keys(facts).length
    ? make("details.record", {}, make("summary", {}, say("audit.details")), factList(facts))
    : null;
  const actions = [];
  if (record.kind === "answer" && record.question) {
    actions.push(iconButton("again", say("audit.replay", { id }), (event) => replay(record, event.currentTarget)));
  }
  if ((record.user || record.question) && !record.redacted) {
    actions.push(iconButton("edit", say("audit.redact", { id }), () => redact(record, again)));
  }
  return row({
    title: make("b", {}, record.question || kind),
    tags: [[record.question ? kind : `#${id}`], ...(record.redacted ? [[say("audit.redacted"), "warn"]] : [])],
    facts: [dateTime(record.time?.wall ?? record.time), record.user, record.question ? `#${id}` : null],
    actions,
    below: details,
  });
}

function redact({ id }, again) {
  formDialog({
    title: say("audit.redact", { id }),
    text: say("audit.redact.text"),
    fields: [field({ name: "reason", label: say("audit.reason"), required: true })],
    action: say("audit.redact.action"),
    submit: async (data) => {
      await call("POST", path`v1/audit/${id}/redact`, { json: { reason: data.get("reason") } });
      notify(say("audit.redact.done"));
      await again();
    },
  });
}

async function replay(record, button) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    const found = await call("POST", path`v1/audit/${record.id}/replay`);
    messageDialog({ title: say("audit.replay", { id: record.id }), content: replayed(found) });
  } catch (problem) {
    notify(`${problem.sentence} ${problem.said}`, "bad");
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

function replayed({ same, answer, recorded, differences }) {
  const verdict = same
    ? note("good", make("p", {}, say("audit.same")))
    : note("warn", make("p.strong", {}, say("audit.differs")), make("ul", {}, listed(differences)));
  return [
    verdict,
    make("h3", {}, say("audit.recorded")),
    make("p.replayed", {}, textOf(recorded)),
    make("h3", {}, say("audit.now")),
    make("p.replayed", {}, textOf(answer)),
  ];
}

function listed(differences) {
  const items = Array.isArray(differences) ? differences : Object.entries(differences ?? {});
  return items.map((item) => make("li", {}, inOneLine(item)));
}

function textOf(answer) {
  return typeof answer === "string" ? answer : (answer?.answer ?? inOneLine(answer ?? ""));
}
