// Short messages: those for the eye, and those only for a screen reader.

import { make } from "./element.js";
import { icon } from "./icon.js";

const SHOWN_MS = 7000;
const shown = document.querySelector("#notices");
const said = document.querySelector("#said");

/** Read a message out without showing it. */
export function announce(text) {
  // The same text again is read only if the region was empty in between.
  said.textContent = "";
  setTimeout(() => (said.textContent = text), 60);
}

/** Show a message for some seconds; the region reads it out. */
export function notify(text, kind = "good") {
  const mark = icon(kind === "good" ? "check" : "warning");
  const notice = make(`p.notice.${kind}`, {}, mark, make("span", {}, text));
  shown.append(notice);
  setTimeout(() => notice.remove(), SHOWN_MS);
}

/** A message that stays where it stands: information, a warning, or an error. */
export function note(kind, ...content) {
  const mark = icon({ good: "check", info: "info" }[kind] ?? "warning");
  return make(`div.note.${kind}`, {}, mark, make("div", {}, ...content));
}

/** What went wrong, in the reader's language and then in the device's own words. */
export function problemNote(problem, ...more) {
  if (!("status" in problem)) throw problem;
  const details = problem.said && make("p.small", {}, problem.said);
  return note("bad", make("p.strong", {}, problem.sentence), details || null, ...more);
}
