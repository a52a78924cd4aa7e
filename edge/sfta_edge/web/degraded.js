// What the device cannot do at present, and what that means for the reader.

import { make } from "./element.js";
import { say } from "./language.js";
import { note } from "./notice.js";

const TEXTS = {
  generator: "degraded.generator",
  embedder: "degraded.embedder",
  disk: "degraded.disk",
};

/** A banner that names each part that is out of order; null when all is well. */
export function degradedNote(parts = []) {
  if (parts.length === 0) return null;
  const lines = parts.map((part) => make("li", {}, degradedText(part)));
  return note("warn", make("p.strong", {}, say("degraded.title")), make("ul", {}, lines));
}

export function degradedText(part) {
  return part in TEXTS ? say(TEXTS[part]) : part;
}
