// Bytes posted to the device: with XMLHttpRequest, because fetch does not tell how far it is.

import { Problem, forgeryHeaders } from "./api.js";

/** The answer to a body; `tell(count)` hears how many bytes are sent. Throws a Problem. */
export function postBytes(address, body, signal, tell) {
  const request = new XMLHttpRequest();
  request.open("POST", address);
  for (const [name, value] of Object.entries(forgeryHeaders())) request.setRequestHeader(name, value);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = ({ loaded }) => tell(Math.min(loaded, body.size));
  const stop = () => request.abort();
  signal.addEventListener("abort", stop);
  return new Promise((resolve, reject) => {
    request.onload = () => (request.status < 300 ? resolve(parsed(request)) : reject(refused(request)));
    request.onerror = () => reject(new Problem(0));
    request.onabort = () => reject(new Problem(0));
    request.send(body);
  }).finally(() => signal.removeEventListener("abort", stop));
}

function parsed(request) {
  return JSON.parse(request.responseText);
}

function refused(request) {
  let document = {};
  try {
    document = parsed(request);
  } catch {
    // The status alone says enough.
  }
  return new Problem(request.status, document, Number(request.getResponseHeader("Retry-After")) || null);
}
