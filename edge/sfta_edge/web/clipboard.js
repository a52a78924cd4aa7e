// Copies text. Browsers give a page their clipboard only over HTTPS or on the device itself; on
// a plain network address the old command still works.

import { make } from "./element.js";
import { say } from "./language.js";
import { notify } from "./notice.js";

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) return notify(say("copy.failed"), "bad");
  }
  notify(say("copy.done"));
}

function copyBySelection(text) {
  const before = document.activeElement;
  const area = make("textarea.hidden", { value: text, "aria-hidden": "true", tabindex: "-1" });
  // Behind a modal dialog nothing can be selected.
  (document.querySelector("dialog:modal") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus?.();
  return done;
}
