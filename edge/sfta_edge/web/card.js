// One question and what became of it, from waiting in the queue to the finished answer.

import { answerBody, answerFoot } from "./answer.js";
import { find, make, newId } from "./element.js";
import { icon } from "./icon.js";
import { say } from "./language.js";
import { note, problemNote } from "./notice.js";
import { thread } from "./thread.js";

const BODIES = {
  waiting: waitingBody,
  writing: writingBody,
  busy: busyBody,
  stopped: stoppedBody,
  failed: failedBody,
  done: doneBody,
};

export function answerCard(entry, { widen }) {
  const id = newId("question");
  const attributes = { "aria-labelledby": id, "data-state": entry.state };
  if (["waiting", "writing", "busy"].includes(entry.state)) attributes["aria-busy"] = "true";
  return make(
    "article.card",
    attributes,
    make("h2.question", { id }, entry.question),
    BODIES[entry.state](entry, widen),
  );
}

/** Add what was just written to the card of an answer that is being written. */
export function extendDraft(card, text) {
  find(".draft", card)?.firstChild.appendData(text);
}

function waitingBody(entry) {
  const queued = entry.position > 0;
  const text = queued ? say("queue.before", { count: entry.position }) : say("waiting.searching");
  return [progress(text, entry), queued ? make("p.small.quiet", {}, say("queue.text")) : null];
}

function writingBody(entry) {
  const text = make("p.draft", {}, document.createTextNode(entry.draft));
  return [progress(say("writing.title"), entry), text, make("p.small.quiet", {}, say("writing.text"))];
}

function progress(text, entry) {
  const time = make("span.quiet.elapsed", { "aria-hidden": "true" });
  tick(time, () => say("elapsed", { count: Math.floor((Date.now() - entry.begun) / 1000) }));
  return make("p.progress", {}, make("span.pulse"), make("span", {}, text), time);
}

/** Write a text anew each second, for as long as its element is on the page. */
function tick(element, text) {
  element.textContent = text();
  const timer = setInterval(() => {
    if (element.isConnected) element.textContent = text();
    else clearInterval(timer);
  }, 1000);
}

function busyBody(entry) {
  const when = make("p", { "aria-live": "off" });
  tick(when, () => {
    const count = Math.max(0, Math.ceil((entry.retryAt - Date.now()) / 1000));
    return say("busy.retry", { count });
  });
  const before = entry.position ? make("p", {}, say("queue.before", { count: entry.position })) : null;
  return note("info", make("p.strong", {}, say("busy.title")), before, when);
}

function stoppedBody(entry) {
  const draft = entry.draft ? make("p.draft", {}, entry.draft) : null;
  const text = make("p", {}, say(entry.draft ? "stopped.text" : "stopped.nothing"));
  return [draft, note("info", make("p.strong", {}, say("stopped.title")), text), againButton(entry)];
}

function failedBody(entry) {
  return [problemNote(entry.problem), againButton(entry)];
}

function againButton(entry) {
  const press = () => thread.again(entry);
  return make("div.card-foot", {}, make("button", { type: "button", onclick: press }, icon("again"), say("again")));
}

function doneBody(entry, widen) {
  const narrowed = (entry.options.collections ?? []).length > 0;
  return [
    answerBody(entry.answer, { widen: narrowed ? widen : null }),
    answerFoot(entry.question, entry.answer),
  ];
}
