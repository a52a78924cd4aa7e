// Rows of a list: what it is, facts about it in a line, and what can be done with it.

import { make } from "./element.js";
import { icon } from "./icon.js";

/** A row; `facts` are texts, those that are null are left out. */
export function row({ title, tags = [], facts = [], actions = [], below = null }) {
  return make(
    "li.row",
    {},
    make(
      "div.row-main",
      {},
      make("div.row-title", {}, title, tags.map(([text, kind]) => make(`span.tag.${kind ?? "plain"}`, {}, text))),
      make("p.small.quiet", {}, facts.filter(Boolean).join(" · ")),
      below,
    ),
    make("div.row-actions", {}, actions),
  );
}

/** A button that shows only a drawing; its label names the thing it acts on. */
export function iconButton(name, label, act, kind = "") {
  const attributes = { type: "button", "aria-label": label, title: label, onclick: act };
  return make(`button.icon-button${kind && `.${kind}`}`, attributes, icon(name));
}

/** What stands where there is nothing yet. */
export function empty(name, title, text) {
  return make("div.empty", {}, icon(name), make("p.strong", {}, title), text ? make("p.quiet", {}, text) : null);
}
