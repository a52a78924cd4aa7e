// Names and values as the device tells them, written for people: sizes, spans of time, yes and no.

import { make } from "./element.js";
import { dateTime, duration, number, say, seconds, size } from "./language.js";

/** Names that the device's status has. */
const NAMES = {
  added_here: "fact.added",
  chunks: "fact.chunks",
  counter: "fact.counter",
  digest: "fact.digest",
  documents: "fact.documents",
  free_bytes: "fact.free",
  last_error: "fact.error",
  name: "fact.name",
  pid: "fact.pid",
  restarts: "fact.restarts",
  rss_bytes: "fact.rss",
  since: "fact.since",
  status: "fact.status",
  total_bytes: "fact.total",
  worker_bytes: "fact.worker",
};
/** How the model's process is. */
const STATES = { down: "fact.down", starting: "fact.starting", stopped: "fact.stopped", up: "fact.up" };

/** A list of everything in an object that says something; objects inside become lists inside. */
export function factList(facts) {
  const rows = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined && value !== "");
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
  if (Object.hasOwn(NAMES, name)) return say(NAMES[name]);
  const words = name.replace(UNITS, "").replaceAll(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function written(name, value) {
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (Array.isArray(value)) return value.length ? value.map((item) => inOneLine(item)).join(", ") : say("none");
  if (name === "status" && Object.hasOwn(STATES, value)) return say(STATES[value]);
  if (typeof value !== "number") return breakable(String(value));
  if (name === "since") return dateTime(value);
  if (name === "pid") return String(value);
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
