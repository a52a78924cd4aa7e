// The text of an answer: unsupported sentences marked, and the numbers of its sources as buttons.

import { make } from "./element.js";
import { icon } from "./icon.js";
import { say } from "./language.js";
import { openCitation, place } from "./sources.js";

/** Numbers of chunks in brackets, as the model writes them. */
const NUMBER = /\[(\d{1,3})\]/g;

export function answerProse(answer) {
  const cited = new Set();
  const parts = sentencesOf(answer).map(({ text, supported }) => {
    const pieces = withMarkers(text, answer.citations, cited);
    return supported ? pieces : unsupported(pieces);
  });
  // An answer that names no source in its text stands on all of them.
  const rest = cited.size ? [] : answer.citations.filter((citation) => citation.verified);
  return make("p.prose", {}, parts, rest.length ? ["\u00a0", rest.map((one) => marker(one, answer.citations))] : null);
}

/** The whole answer in pieces; offsets count characters as Python does, not UTF-16 units. */
function sentencesOf(answer) {
  const characters = Array.from(answer.answer);
  const cut = (start, end) => characters.slice(start, end).join("");
  const pieces = [];
  let done = 0;
  for (const { start, end, supported } of answer.sentences ?? []) {
    if (start > done) pieces.push({ text: cut(done, start), supported: true });
    pieces.push({ text: cut(start, end), supported });
    done = end;
  }
  if (done < characters.length) pieces.push({ text: cut(done), supported: true });
  return pieces;
}

function unsupported(pieces) {
  const mark = make("span.unsupported-mark", {}, icon("warning"), make("span", {}, say("unsupported.mark")));
  return [make("span.unsupported", {}, pieces), mark];
}

function withMarkers(text, citations, cited) {
  const pieces = [];
  let done = 0;
  for (const match of text.matchAll(NUMBER)) {
    const named = citations.filter((citation) => citation.number === Number(match[1]));
    if (named.length === 0) continue;
    // A number is not parted from the words it belongs to.
    pieces.push(text.slice(done, match.index).replace(/ $/, "\u00a0"), named.map((one) => marker(one, citations)));
    named.forEach((one) => cited.add(one));
    done = match.index + match[0].length;
  }
  return [...pieces, text.slice(done)];
}

function marker(citation, citations) {
  const count = citations.indexOf(citation) + 1;
  const label = say("marker", { number: count, place: place(citation) });
  const open = (event) => openCitation(citation, event.currentTarget);
  const attributes = { type: "button", "aria-label": label, title: place(citation), onclick: open };
  if (citation.document_id === null || citation.document_id === undefined) attributes.disabled = true;
  return make("button.marker", attributes, String(count));
}

/** The answer as plain text, its sources numbered as on the page. */
export function plainAnswer(answer) {
  return answer.answer.replace(NUMBER, (whole, number) => {
    const named = answer.citations
      .map((citation, i) => (citation.number === Number(number) ? `[${i + 1}]` : ""))
      .join("");
    return named || whole;
  });
}
