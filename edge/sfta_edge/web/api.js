// Calls of the Edge API: the token against forged requests, problems, and a session that ended.

import { say } from "./language.js";

export const session = { user: null, csrf: "", setup: false, accounts: true };
const ROLES = ["reader", "editor", "admin"];
/** Hears "ended" when the device no longer knows the session. */
export const sessionEvents = new EventTarget();

/** Whether the person at the page may do what a role may. Without accounts everybody may. */
export function may(role) {
  if (!session.accounts) return true;
  return session.user !== null && ROLES.indexOf(session.user.role) >= ROLES.indexOf(role);
}

/** A path of the API in which every value is escaped: path`v1/users/${name}`. */
export function path(parts, ...values) {
  return parts.reduce((whole, part, i) => whole + encodeURIComponent(values[i - 1]) + part);
}

const TEXTS = {
  0: "problem.unreachable",
  401: "problem.401",
  403: "problem.403",
  404: "problem.404",
  409: "problem.409",
  413: "problem.413",
  415: "problem.415",
  429: "problem.429",
  503: "problem.503",
  507: "problem.507",
};

/** What the device says has gone wrong. */
export class Problem extends Error {
  constructor(status, document = {}, retryAfter = null) {
    super(document.detail ?? "");
    Object.assign(this, { status, retryAfter });
    this.hint = document.hint ?? "";
    this.position = document.position ?? null;
  }

  /** One sentence in the reader's language. */
  get sentence() {
    return say(TEXTS[this.status] ?? "problem.unknown");
  }

  /** What the device itself says about it. */
  get said() {
    return inSentences(this.message, this.hint);
  }
}

/** Texts of the device one after the other, each with an end. */
export function inSentences(...texts) {
  return texts.filter(Boolean).map((text) => (/[.!?]$/.test(text) ? text : `${text}.`)).join(" ");
}

export async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  return new Problem(response.status, document, Number(response.headers.get("Retry-After")) || null);
}

/** What shows that a request comes from this page. */
export function forgeryHeaders() {
  return session.csrf ? { "X-CSRF-Token": session.csrf } : {};
}

/** The response to a request; raises a Problem unless it is a success. */
export async function send(method, where, { json, signal, again = false } = {}) {
  const headers = method === "GET" ? {} : forgeryHeaders();
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = json === undefined ? undefined : JSON.stringify(json);
  let response;
  try {
    response = await fetch(where, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401) lost(where);
  const stale = problem.status === 403 && method !== "GET" && !again && (await isStale());
  if (stale) return send(method, where, { json, signal, again: true });
  throw problem;
}

/** Whether another tab logged in anew meanwhile; then this page takes over its session. */
async function isStale() {
  const before = session.csrf;
  await loadSession().catch(() => {});
  return session.csrf !== before;
}

/** The JSON that answers a request; null where there is none. */
export async function call(method, where, options) {
  const response = await send(method, where, options);
  return response.status === 204 ? null : response.json();
}

/** Where 401 means a wrong password, not a session that ended. */
const TRIES = new Set(["v1/session", "v1/setup", "v1/password"]);

/** Tell the page that the session ended. */
export function lost(where) {
  if (!session.user || TRIES.has(where)) return;
  session.user = null;
  sessionEvents.dispatchEvent(new Event("ended"));
}

export async function loadSession() {
  takeSession(await call("GET", "v1/session"));
}

export function takeSession(answer) {
  Object.assign(session, { setup: false }, answer);
  // Without accounts there is nobody to be named, to log out, or to change a password.
  if (!session.accounts) session.user = null;
}
