// Names and values as the device tells them, written for people: sizes, spans of time, yes and no.

import { make } from "./element.js";
import { duration, number, say, seconds, size } from "./language.js";

/** A list of everything in an object; objects inside become lists inside. */
export function factList(facts) {
  const rows = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  return make("dl.facts", {}, rows.map(([name, value]) => factRow(name, value)));
}

function factRow(name, value) {
  const content = isObject(value) ? factList(value) : written(name, value);
  return make(`div${isObject(value) ? ".nested" : ""}`, {}, make("dt", {}, readable(name)), make("dd", {}, content));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const UNITS = /_(bytes|seconds|ms|ns)$/;

/** A name of the API as words. */
export function readable(name) {
  const words = name.replace(UNITS, "").replaceAll(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function written(name, value) {
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (Array.isArray(value)) return value.length ? value.map((item) => inOneLine(item)).join(", ") : say("none");
  if (typeof value !== "number") return breakable(String(value));
  if (/(^|_)bytes$/.test(name)) return size(value);
  if (/(^|_)seconds$/.test(name)) return duration(value);
  if (/_ms$/.test(name)) return seconds(value);
  return number(value, 3);
}

export function inOneLine(value) {
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value);
}

/** Long digests are shortened to what a person compares; a pointer shows the whole. */
function breakable(text) {
  if (!/^[0-9a-f]{32,}$/.test(text)) return text;
  return make("code", { title: text }, `${text.slice(0, 12)}…`);
}
