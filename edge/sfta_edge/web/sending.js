// Sends the files of an update slice by slice, and goes on where the device has stopped.

import { call, lost } from "./api.js";
import { postBytes } from "./posting.js";

const WHERE = "v1/bundle/updates";
const TRIES = 5;
const PAUSE_MS = 2000;

/** Files in the order of their parts; `tell(share, name)` hears how far all of them are. */
export async function sendFiles(files, signal, tell) {
  const ordered = [...files].sort((one, other) => (one.name < other.name ? -1 : 1));
  const all = ordered.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  for (const file of ordered) {
    const sent = before;
    await sendFile(file, signal, (count) => tell((sent + count) / (all || 1), file.name));
    before += file.size;
  }
}

async function sendFile(file, signal, tell) {
  let status = await call("GET", WHERE, { signal });
  let failed = 0;
  while (received(status, file) < file.size || file.size === 0) {
    const offset = received(status, file);
    tell(offset);
    try {
      const slice = file.slice(offset, offset + status.slice_bytes);
      status = await sendSlice(file, { slice, offset }, signal, (count) => tell(offset + count));
      failed = 0;
    } catch (problem) {
      failed += 1;
      if (problem.status === 401) lost(WHERE);
      // A connection that broke may have brought the slice or not: the device knows.
      if (signal.aborted || problem.status !== 0 || failed === TRIES) throw problem;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      status = await call("GET", WHERE, { signal }).catch(() => status);
    }
  }
  tell(file.size);
}

function received(status, { name, size }) {
  const known = status.files.find((file) => file.name === name && file.size === size);
  return known?.received ?? 0;
}

function sendSlice(file, { slice, offset }, signal, tell) {
  const query = new URLSearchParams({ name: file.name, size: file.size, offset });
  return postBytes(`v1/bundle/updates?${query}`, slice, signal, tell);
}
