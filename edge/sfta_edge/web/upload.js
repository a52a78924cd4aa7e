// Files on their way to the device: sent one after the other, then followed until they are read.

import { Problem, call, lost, path } from "./api.js";
import { postBytes } from "./posting.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 3000;

/**
 * An upload is {file, name, collection, access, state, share, job, problem}.
 * State: queued, sending, waiting, running, done, failed, cancelled.
 */
class Uploads extends EventTarget {
  list = [];
  #busy = false;

  add(file, { name = file.name, collection = "", access = [] } = {}) {
    this.list.unshift({ file, name, collection, access, state: "queued", share: 0 });
    this.#tell();
    this.#next();
  }

  /** Take up a job that another page began. */
  follow(job) {
    if (this.list.some((upload) => upload.job?.id === job.id)) return;
    const upload = { name: job.name, state: job.state, share: 1, job };
    this.list.push(upload);
    this.#tell();
    this.#watch(upload);
  }

  async cancel(upload) {
    const { state } = upload;
    upload.state = "cancelled";
    this.#tell();
    if (state === "sending") upload.stop.abort();
    else if (upload.job) await call("DELETE", path`v1/jobs/${upload.job.id}`).catch(() => {});
  }

  /** Take one that is over from the list. */
  drop(upload) {
    this.list = this.list.filter((other) => other !== upload);
    this.#tell();
  }

  forget() {
    for (const upload of this.list) upload.stop?.abort();
    this.list = [];
  }

  /** Send the next file, unless one is being sent. */
  async #next() {
    const upload = this.list.findLast(({ state }) => state === "queued");
    if (this.#busy || !upload) return;
    this.#busy = true;
    try {
      const { job } = await this.#send(upload);
      upload.job = typeof job === "object" ? job : { id: job };
      upload.state = upload.job.state ?? "waiting";
      this.#watch(upload);
    } catch (problem) {
      this.#fail(upload, problem);
    } finally {
      this.#busy = false;
      this.#tell();
    }
    this.#next();
  }

  #send(upload) {
    upload.stop = new AbortController();
    upload.state = "sending";
    const query = new URLSearchParams({ name: upload.name });
    if (upload.collection) query.set("collection", upload.collection);
    if (upload.access.length) query.set("access", upload.access.join(","));
    return postBytes(`v1/documents?${query}`, upload.file, upload.stop.signal, (count) => {
      upload.share = upload.file.size ? count / upload.file.size : 0;
      this.#tell();
    });
  }

  async #watch(upload) {
    let pause = FIRST_PAUSE_MS;
    while (isOpen(upload) && this.list.includes(upload)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 1.3, LONGEST_PAUSE_MS);
      const job = await call("GET", path`v1/jobs/${upload.job.id}`).catch((problem) => problem);
      if (upload.state === "cancelled") return;
      // A device that restarts goes on with the job; only a job that is gone has failed.
      if (job instanceof Problem && ![401, 404].includes(job.status)) continue;
      if (job instanceof Problem) this.#fail(upload, job);
      else Object.assign(upload, { job, state: job.state });
      this.#tell();
    }
    if (upload.state === "done") this.dispatchEvent(new Event("done"));
  }

  #fail(upload, problem) {
    if (upload.state !== "cancelled") Object.assign(upload, { state: "failed", problem });
    if (problem.status === 401) lost("v1/documents");
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Whether something is still to happen. */
export function isOpen(upload) {
  return ["queued", "sending", "waiting", "running"].includes(upload.state);
}

export const uploads = new Uploads();

export function forgetUploads() {
  uploads.forget();
}
