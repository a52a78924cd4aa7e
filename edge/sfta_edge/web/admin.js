// What an admin sees of the device. One part at a time, each in a file of its own.

import { fill, make } from "./element.js";
import { icon } from "./icon.js";
import { session } from "./api.js";
import { say } from "./language.js";
import { problemNote } from "./notice.js";
import { showAudit } from "./audit.js";
import { showBackup } from "./backup.js";
import { showStatus } from "./status.js";
import { showTokens } from "./tokens.js";
import { showUpdate } from "./update.js";
import { showUsers } from "./users.js";

const PARTS = {
  status: { show: showStatus, title: "admin.status", icon: "device" },
  users: { show: showUsers, title: "admin.users", icon: "person", accounts: true },
  tokens: { show: showTokens, title: "admin.tokens", icon: "key", accounts: true },
  audit: { show: showAudit, title: "admin.audit", icon: "shield" },
  update: { show: showUpdate, title: "admin.update", icon: "replace" },
  backup: { show: showBackup, title: "admin.backup", icon: "download" },
};

export async function showAdmin(root, [wanted]) {
  // A device without accounts has nobody to list.
  const parts = Object.entries(PARTS).filter(([, part]) => session.accounts || !part.accounts);
  const current = parts.some(([name]) => name === wanted) ? wanted : "status";
  const body = make("div.admin-part", {});
  fill(
    root,
    make("h1.hidden", {}, `${say("nav.admin")}: ${say(PARTS[current].title)}`),
    make("nav.parts", { "aria-label": say("nav.admin") }, parts.map(([name, part]) => link(name, part, current))),
    body,
  );
  try {
    await PARTS[current].show(body);
  } catch (problem) {
    fill(body, problemNote(problem));
  }
}

function link(name, part, current) {
  const here = name === current ? { "aria-current": "page" } : {};
  return make("a", { href: `#/admin/${name}`, ...here }, icon(part.icon), say(part.title));
}
