// The view in which questions are asked: the field, what is searched, and the answers below.

import { call } from "./api.js";
import { answerCard, extendDraft } from "./card.js";
import { fill, find, make } from "./element.js";
import { tickField } from "./field.js";
import { icon } from "./icon.js";
import { keep, kept } from "./kept.js";
import { say } from "./language.js";
import { announce } from "./notice.js";
import { degradedNote } from "./degraded.js";
import { thread } from "./thread.js";

const LONGEST = 2000;
const scope = { collections: [], chosen: new Set() };

export async function showAsk(root) {
  const answers = make("section.answers", { "aria-label": say("ask.answers") });
  const banner = make("div", { role: "status" });
  const head = make("div.ask-head", {}, make("h1", {}, say("ask.title")), bundleLine());
  const form = composer();
  fill(root, head, banner, form, answers);
  const cards = new Map(thread.entries.map((entry) => [entry, newCard(entry)]));
  answers.append(...cards.values());
  const settle = () => {
    answers.hidden = thread.entries.length === 0;
    head.classList.toggle("small-head", thread.entries.length > 0);
    fill(banner, degradedNote(thread.entries.find((entry) => entry.answer)?.answer.degraded));
    swapButtons(form);
  };
  settle();
  loadScope(form);
  find("textarea", form).focus();
  return listen({ answers, cards, form, settle });
}

/** Ask or stop; a focus that stood on the button that goes stays in the form. */
function swapButtons(form) {
  const [send, stop] = [find(".send", form), find(".stop", form)];
  const lost = document.activeElement === (thread.running ? send : stop);
  send.hidden = thread.running;
  stop.hidden = !thread.running;
  if (lost) (thread.running ? stop : find("textarea", form)).focus();
}

function newCard(entry) {
  return answerCard(entry, { widen: () => widen(entry) });
}

/** Keep what is shown in step with the thread; returns how to stop. */
function listen({ answers, cards, form, settle }) {
  const heard = {
    state({ detail: { entry } }) {
      const card = newCard(entry);
      if (cards.has(entry)) cards.get(entry).replaceWith(card);
      else answers.prepend(card);
      cards.set(entry, card);
      announce(spoken(entry));
      if (entry.state === "failed" || entry.state === "stopped") restore(form, entry);
      settle();
    },
    text({ detail: { entry, text } }) {
      extendDraft(cards.get(entry), text);
    },
    removed({ detail: { entry } }) {
      cards.get(entry)?.remove();
      cards.delete(entry);
      settle();
    },
  };
  for (const [name, take] of Object.entries(heard)) thread.addEventListener(name, take);
  return () => {
    for (const [name, take] of Object.entries(heard)) thread.removeEventListener(name, take);
  };
}

/** A question that got no answer stands in the field again, unless a new one was begun. */
function restore(form, entry) {
  const input = find("textarea", form);
  if (!input.value) input.value = thread.draft = entry.question;
}

function spoken(entry) {
  if (entry.state === "waiting") {
    return entry.position ? say("queue.before", { count: entry.position }) : say("said.waiting");
  }
  if (entry.state === "writing") return say("said.writing");
  if (entry.state === "busy") return say("busy.title");
  if (entry.state === "stopped") return say("stopped.title");
  if (entry.state === "failed") return entry.problem.sentence;
  if (entry.answer.refused) return say("refused.title");
  return say("said.done", { count: entry.answer.citations.length });
}

function bundleLine() {
  const line = make("p.quiet", {});
  const tell = ({ data: [model] }) => {
    const { name, counter } = model.bundle;
    line.textContent = say("ask.bundle", { name, counter: String(counter) });
  };
  call("GET", "v1/models").then(tell, () => {});
  return line;
}

function composer() {
  const input = make("textarea", {
    id: "question",
    rows: "2",
    maxlength: String(LONGEST),
    required: true,
    value: thread.draft,
    "aria-describedby": "keys",
    enterkeyhint: "send",
    placeholder: say("ask.placeholder"),
    oninput: () => (thread.draft = input.value),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const send = make("button.primary.send", { type: "submit" }, icon("send"), say("ask.send"));
  const halt = { type: "button", hidden: true, onclick: () => thread.stop() };
  const stop = make("button.stop", halt, icon("stop"), say("ask.stop"));
  const form = make(
    "form.composer",
    { autocomplete: "off", role: "search", "aria-label": say("ask.title") },
    make("label.hidden", { for: "question" }, say("ask.question")),
    input,
    make("div.composer-row", {}, make("div.composer-options", {}, strictTick()), stop, send),
  );
  const keys = make("p.small.quiet.keys", { id: "keys" }, say("ask.keys"));
  const outer = make("div", {}, form, keys);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(input);
  });
  outer.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !thread.running) return;
    event.preventDefault();
    thread.stop();
  });
  return outer;
}

function submit(input) {
  const question = input.value.trim();
  if (!question || thread.running) return;
  for (const picker of document.querySelectorAll(".scope[open]")) picker.open = false;
  input.value = thread.draft = "";
  thread.ask(question, options());
}

function options() {
  const chosen = scope.collections.filter((name) => scope.chosen.has(name));
  return { strict: kept("strict") === "yes", ...(chosen.length ? { collections: chosen } : {}) };
}

/** Ask again, this time in every collection. */
function widen(entry) {
  scope.chosen.clear();
  thread.ask(entry.question, options());
}

function strictTick() {
  return tickField({
    name: "strict",
    label: say("ask.strict"),
    checked: kept("strict") === "yes",
    title: say("ask.strict.hint"),
    onchange: (event) => keep("strict", event.target.checked ? "yes" : "no"),
  });
}

async function loadScope(form) {
  const { collections } = await call("GET", "v1/collections").catch(() => ({ collections: [] }));
  scope.collections = collections.map(({ name }) => name);
  if (collections.length > 1) find(".composer-options", form).append(scopePicker(collections));
}

function scopePicker(collections) {
  const summary = make("summary", {}, icon("book"), make("span", {}));
  const label = () => {
    const names = scope.collections.filter((name) => scope.chosen.has(name));
    find("span", summary).textContent = names.length ? names.join(", ") : say("ask.everywhere");
  };
  const ticks = collections.map(({ name, documents }) =>
    tickField({
      label: `${name || say("collection.none")} (${documents})`,
      checked: scope.chosen.has(name),
      onchange: (event) => {
        scope.chosen[event.target.checked ? "add" : "delete"](name);
        label();
      },
    }),
  );
  label();
  const title = make("p", { id: "scope" }, say("ask.collections"));
  const list = make("div.scope-list", { role: "group", "aria-labelledby": "scope" }, title, ticks);
  const picker = make("details.scope", {}, summary, list);
  picker.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !picker.contains(relatedTarget)) picker.open = false;
  });
  picker.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !picker.open) return;
    event.preventDefault();
    event.stopPropagation();
    picker.open = false;
    summary.focus();
  });
  return picker;
}
