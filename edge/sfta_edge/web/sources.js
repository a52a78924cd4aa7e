// The quotes an answer stands on. Each opens the page on which it stands.

import { make } from "./element.js";
import { icon } from "./icon.js";
import { say } from "./language.js";
import { openViewer } from "./viewer.js";

/** Where a quote stands, in words: Operator manual, page 4. */
export function place(citation) {
  const title = citation.title || citation.document || say("source.unknown");
  return citation.page ? `${title}, ${say("page", { number: citation.page })}` : title;
}

/** Open the page of a citation with the quote marked; the focus returns to `opener`. */
export function openCitation(citation, opener) {
  openViewer(
    {
      id: citation.document_id,
      title: citation.title || citation.document,
      page: citation.page ?? citation.boxes[0]?.page ?? 1,
      boxes: citation.boxes,
      quote: citation.quote,
    },
    opener,
  );
}

export function sourceList(answer, title) {
  if (answer.citations.length === 0) return null;
  return make(
    "section.sources",
    {},
    make("h3", {}, title),
    make("ol", {}, answer.citations.map((citation, i) => source(citation, i + 1))),
  );
}

function source(citation, count) {
  const known = citation.document_id !== null && citation.document_id !== undefined;
  const name = citation.title && citation.document ? make("span.quiet.small", {}, ` ${citation.document}`) : null;
  const press = { type: "button", onclick: (event) => openCitation(citation, event.currentTarget) };
  const head = known
    ? make("button.link.source-place", press, place(citation), icon("right"))
    : make("span.source-place", {}, place(citation));
  return make(
    `li.source${citation.verified ? "" : ".unverified"}`,
    {},
    make("span.source-number", { "aria-hidden": "true" }, String(count)),
    make("div", {}, head, name, make("blockquote", {}, citation.quote), remark(citation)),
  );
}

function remark(citation) {
  if (!citation.verified) {
    return make("p.small.source-remark", {}, icon("warning"), say("source.unverified"));
  }
  if (citation.corrected) return make("p.small.quiet", {}, say("source.corrected"));
  return null;
}
