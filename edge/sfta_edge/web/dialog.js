// Questions to the reader in a native dialog: it holds the focus, closes with Escape, and gives
// the focus back to where it was.

import { fill, make, newId } from "./element.js";
import { say } from "./language.js";
import { problemNote } from "./notice.js";

function open(title, content) {
  const id = newId("dialog");
  const dialog = make("dialog.dialog", { "aria-labelledby": id }, make("h2", { id }, title), content);
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Whether the reader agrees. */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    const close = (agreed) => {
      resolve(agreed);
      dialog.close();
    };
    const cancel = make("button", { type: "button", onclick: () => close(false) }, say("cancel"));
    const agree = make("button.danger", { type: "button", onclick: () => close(true) }, action);
    const dialog = open(title, [make("p", {}, text), make("div.actions", {}, cancel, agree)]);
    dialog.addEventListener("cancel", () => resolve(false));
    cancel.focus();
  });
}

/** A form in a dialog. It stays open, and says why, as long as `submit(values)` raises. */
export function formDialog({ title, text, fields, action, submit }) {
  const errors = make("div", { role: "alert" });
  const go = make("button.primary", { type: "submit" }, action);
  const cancel = make("button", { type: "button", onclick: () => dialog.close() }, say("cancel"));
  const form = make(
    "form",
    { autocomplete: "off" },
    text ? make("p.quiet", {}, text) : null,
    fields,
    errors,
    make("div.actions", {}, cancel, go),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      await submit(new FormData(form));
      dialog.close();
    } catch (problem) {
      fill(errors, problemNote(problem));
    } finally {
      go.disabled = false;
    }
  });
  const dialog = open(title, form);
}

/** Something to read, with a button that closes it. */
export function messageDialog({ title, content }) {
  const close = make("button.primary", { type: "button", onclick: () => dialog.close() }, say("close"));
  const dialog = open(title, [content, make("div.actions", {}, close)]);
}
