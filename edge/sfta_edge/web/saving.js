// Saves what a request to POST answers as a file of the reader.

import { send } from "./api.js";
import { make } from "./element.js";

export async function saveAnswer(where, name) {
  const response = await send("POST", where);
  const named = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "");
  const url = URL.createObjectURL(await response.blob());
  make("a", { href: url, download: named?.[1] ?? name }).click();
  // The browser takes hold of the file after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
