// What the page says, in the reader's language, and how it writes numbers, dates and sizes.

import { keep, kept } from "./kept.js";
import de from "./text.de.js";
import en from "./text.en.js";
import factDe from "./text.fact.de.js";
import factEn from "./text.fact.en.js";
import updateDe from "./text.update.de.js";
import updateEn from "./text.update.en.js";

const TEXTS = { en: { ...en, ...factEn, ...updateEn }, de: { ...de, ...factDe, ...updateDe } };
export const LANGUAGES = { en: "English", de: "Deutsch" };
let current = kept("language") ?? navigator.language.slice(0, 2).toLowerCase();
if (!(current in TEXTS)) current = "en";
document.documentElement.lang = current;

export function language() {
  return current;
}

export function useLanguage(name) {
  current = name;
  keep("language", name);
  document.documentElement.lang = name;
}

/** The text of a key; {names} in it are filled in, and `count` picks the singular or plural. */
export function say(key, values = {}) {
  const texts = TEXTS[current];
  const form = "count" in values ? `${key}.${new Intl.PluralRules(current).select(values.count)}` : key;
  const text = texts[form] ?? texts[`${key}.other`] ?? texts[key];
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

function shown(value) {
  return typeof value === "number" ? number(value) : String(value);
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);
}

/** Bytes as people read them: 1.4 MB. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${number(value, power && value < 10 ? 1 : 0)} ${units[power]}`;
}

export function seconds(milliseconds) {
  if (milliseconds < 100) return `${number(milliseconds)} ms`;
  return `${number(milliseconds / 1000, milliseconds < 9950 ? 1 : 0)} s`;
}

/** A span of time in its two largest units. */
export function duration(total) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, length]) => total >= length);
  if (first < 0) return "0 s";
  const [large, small] = parts.slice(first, first + 2);
  const rest = small ? Math.floor((total % large[1]) / small[1]) : 0;
  const head = `${number(Math.floor(total / large[1]))} ${large[0]}`;
  return rest ? `${head} ${rest} ${small[0]}` : head;
}

/** A point in time as the API gives it: text, or seconds since 1970. */
export function moment(value) {
  return new Date(typeof value === "number" ? value * 1000 : value);
}

export function dateTime(value) {
  return written(value, { dateStyle: "medium", timeStyle: "short" });
}

export function day(value) {
  return written(value, { dateStyle: "medium" });
}

export function clock(value) {
  return written(value, { timeStyle: "short" });
}

function written(value, style) {
  const when = moment(value);
  if (Number.isNaN(when.getTime())) return String(value);
  return new Intl.DateTimeFormat(current, style).format(when);
}
