// How the device is: what is out of order first, then every part of it.

import { call } from "./api.js";
import { degradedText } from "./degraded.js";
import { fill, make } from "./element.js";
import { factList } from "./facts.js";
import { icon } from "./icon.js";
import { duration, say, size } from "./language.js";
import { note } from "./notice.js";

const PARTS = {
  bundle: "status.bundle",
  engine: "status.engine",
  knowledge: "status.knowledge",
  disk: "status.disk",
  memory: "status.memory",
};
/** A disk or memory that is fuller than this is worth a look. */
const FULL = 0.9;

export async function showStatus(root) {
  const status = await call("GET", "v1/status");
  const again = make("button", { type: "button", onclick: () => showStatus(root) }, icon("again"), say("status.again"));
  const line = [
    status.version ? say("status.version", { version: status.version }) : null,
    status.uptime_seconds === undefined ? null : say("status.uptime", { time: duration(status.uptime_seconds) }),
  ];
  fill(
    root,
    make("div.view-head", {}, make("h2", {}, say("admin.status")), again),
    make("p.quiet.lead", {}, line.filter(Boolean).join(" · ")),
    health(status.degraded ?? []),
    offline(status.offline),
    make("div.panels", {}, Object.keys(PARTS).map((name) => panel(name, status[name]))),
  );
}

function health(degraded) {
  if (degraded.length === 0) return note("good", make("p", {}, say("status.good")));
  const lines = degraded.map((part) => make("li", {}, degradedText(part)));
  return note("warn", make("p.strong", {}, say("degraded.title")), make("ul", {}, lines));
}

/** Whether anything beyond the local network can be reached: it should not be. */
function offline(found) {
  if (!found) return null;
  if (found.known === false) return note("info", make("p", {}, say("offline.unknown")));
  if (found.sealed) return note("good", make("p", {}, say("offline.sealed")));
  const ways = (found.gateways ?? []).join(", ");
  return note("warn", make("p", {}, say("offline.open", { ways })));
}

function panel(name, facts) {
  if (facts === null || facts === undefined) return null;
  const known = typeof facts === "object" ? facts : { [name]: facts };
  const meter = usage(known, say(PARTS[name]));
  return make("section.panel", {}, make("h3", {}, say(PARTS[name])), meter, factList(known));
}

/** A bar where the facts tell a whole and what of it is used or free. */
function usage(facts, label) {
  const pick = (word) => facts[`${word}_bytes`] ?? facts[word];
  const [total, free] = [pick("total"), pick("free") ?? pick("available")];
  const used = pick("used") ?? (free === undefined ? undefined : total - free);
  if (!total || used === undefined) return null;
  const text = say("status.used", { used: size(used), total: size(total) });
  const bar = make(`progress${used / total > FULL ? ".full" : ""}`, { max: total, value: used, "aria-label": label });
  return make("div.usage", {}, bar, make("p.small", {}, text));
}
