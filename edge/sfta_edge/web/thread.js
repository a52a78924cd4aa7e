// The questions of this visit and what became of them. Outlives the views that show it.

import { Problem, forgeryHeaders, lost, problemOf } from "./api.js";
import { readEvents } from "./events.js";

const RETRY_SECONDS = 10;

/**
 * An entry is {question, options, state, position, draft, answer, problem, retryAt, begun}.
 * State: waiting, writing, busy (asks again by itself), done, stopped, failed.
 */
class Thread extends EventTarget {
  entries = [];
  /** What stands in the field and was not asked yet. */
  draft = "";
  #running = null;

  get running() {
    return this.#running !== null;
  }

  async ask(question, options) {
    if (this.running) return;
    const entry = { question, options, draft: "", begun: Date.now() };
    this.entries.unshift(entry);
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#become(entry, "waiting");
    try {
      while (!(await this.#attempt(entry, signal))) await pause(entry.retryAt - Date.now(), signal);
      this.#finish(entry, "done");
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  /** Ask a question that was stopped or failed once more. */
  again(entry) {
    this.remove(entry);
    return this.ask(entry.question, entry.options);
  }

  stop() {
    this.#running?.abort();
  }

  remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#tell("removed", entry);
  }

  forget() {
    this.stop();
    this.entries = [];
    this.draft = "";
  }

  /** Whether the device took the question; if it was busy, the entry says when to come again. */
  async #attempt(entry, signal) {
    try {
      await request(entry, signal, (name, data) => this.#take(entry, name, data));
      return true;
    } catch (error) {
      if (error.status !== 429) throw error;
      entry.retryAt = Date.now() + 1000 * (error.retryAfter ?? RETRY_SECONDS);
      entry.position = error.position;
      this.#become(entry, "busy");
      return false;
    }
  }

  #take(entry, name, data) {
    if (name === "queue") {
      entry.position = data.position;
      this.#become(entry, "waiting");
    } else if (name === "text") {
      entry.draft += data.text;
      if (entry.state === "writing") this.#tell("text", entry, data.text);
      else this.#become(entry, "writing");
    } else if (name === "answer") {
      entry.answer = data;
    } else if (name === "error") {
      throw new Problem(data.status, data);
    }
  }

  #fail(entry, error) {
    if (error.name === "AbortError") return this.#finish(entry, "stopped");
    entry.problem = error instanceof Problem ? error : new Problem(0);
    if (entry.problem.status === 401) {
      // The question goes back into the field, for after the login.
      this.entries = this.entries.filter((other) => other !== entry);
      this.draft = entry.question;
      this.#running = null;
      return lost("v1/ask");
    }
    this.#finish(entry, "failed");
  }

  #finish(entry, state) {
    this.#running = null;
    this.#become(entry, state);
  }

  #become(entry, state) {
    entry.state = state;
    this.#tell("state", entry);
  }

  #tell(name, entry, text) {
    this.dispatchEvent(new CustomEvent(name, { detail: { entry, text } }));
  }
}

async function request(entry, signal, take) {
  const headers = { "Content-Type": "application/json", ...forgeryHeaders() };
  const body = JSON.stringify({ question: entry.question, stream: true, ...entry.options });
  const response = await fetch("v1/ask", { method: "POST", headers, body, signal });
  if (!response.ok) throw await problemOf(response);
  await readEvents(response.body, take);
  if (!entry.answer) throw new Problem(0);
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stopped = () => reject(signal.reason);
    signal.addEventListener("abort", stopped, { once: true });
    setTimeout(() => {
      signal.removeEventListener("abort", stopped);
      resolve();
    }, Math.max(0, milliseconds));
  });
}

export const thread = new Thread();

export function forget() {
  thread.forget();
}
