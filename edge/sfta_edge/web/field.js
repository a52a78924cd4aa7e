// Fields of a form, each with its label and, where it helps, a sentence below it.

import { make, newId } from "./element.js";
import { say } from "./language.js";

/** A labelled field; `hint` is read together with the label. */
export function field({ label, hint, control, ...attributes }) {
  const id = newId(attributes.name ?? "field");
  const about = hint ? { "aria-describedby": `${id}-hint` } : {};
  const input = control
    ? control({ id, ...about, ...attributes })
    : make("input", { id, type: "text", ...about, ...attributes });
  return make(
    "div.field",
    {},
    make("label", { for: id }, label),
    input,
    hint ? make("p.small.quiet", { id: `${id}-hint` }, hint) : null,
  );
}

/** A field for a password, which can be made readable. */
export function passwordField({ name = "password", label, hint, autocomplete }) {
  const control = (attributes) => {
    const input = make("input", { ...attributes, type: "password", required: true });
    const button = make(
      "button.quiet-button",
      { type: "button", "aria-pressed": "false", onclick: () => flip(input, button) },
      say("password.show"),
    );
    return make("div.with-button", {}, input, button);
  };
  return field({ name, label, hint, autocomplete, control });
}

function flip(input, button) {
  const readable = input.type === "password";
  input.type = readable ? "text" : "password";
  button.setAttribute("aria-pressed", String(readable));
}

/** A choice of one among [value, text] pairs. */
export function choiceField({ label, name, options, value, hint, ...more }) {
  const control = (attributes) => {
    const select = make(
      "select",
      attributes,
      options.map(([key, text]) => make("option", { value: key }, text)),
    );
    if (value !== undefined) select.value = value;
    return select;
  };
  return field({ label, name, hint, control, ...more });
}

/** A box to tick. */
export function tickField({ label, hint, ...attributes }) {
  const id = newId(attributes.name ?? "tick");
  const input = make("input", { id, type: "checkbox", ...attributes });
  return make("div.tick", {}, input, make("label", { for: id }, label));
}

/** Names that were written with commas between them. */
export function namesIn(text) {
  return text.split(",").map((part) => part.trim()).filter(Boolean);
}

export function valuesOf(form) {
  return Object.fromEntries(new FormData(form));
}
