// Another bundle for the device: chosen or dropped, sent, checked, tried, started; or the one before.

import { call, inSentences } from "./api.js";
import { confirmed, formDialog } from "./dialog.js";
import { fill, find, make, newId } from "./element.js";
import { field } from "./field.js";
import { icon } from "./icon.js";
import { number, say, size } from "./language.js";
import { announce, note, problemNote } from "./notice.js";
import { sendFiles } from "./sending.js";

const WHERE = "v1/bundle/updates";
const LOOK_MS = 700;
const STAGES = {
  install: { checking: "update.checking", testing: "update.testing" },
  rollback: { checking: "update.back.checking" },
};
const REFUSED = { install: "update.refused", rollback: "update.back.refused" };
/** An upload goes on while another part of the page is looked at. */
let sending = null;

export async function showUpdate(root) {
  const parts = {
    root,
    state: make("div.update-state", { role: "status" }),
    problem: make("div", { role: "alert" }),
    work: make("div.update-work", {}),
    choice: make("div", {}),
    back: make("div", {}),
  };
  fill(
    root,
    make("div.view-head", {}, make("h2", { tabindex: "-1" }, say("admin.update"))),
    make("p.lead", {}, say("update.text")),
    parts.state, parts.problem, parts.work, parts.choice, parts.back,
  );
  const status = await call("GET", WHERE);
  if (!status.possible) {
    fill(parts.state, note("info", make("p", {}, say("update.impossible"))));
    return;
  }
  draw(parts, status);
  if (sending) followSending(parts);
  else if (isRunning(status.job)) follow(parts);
}

function isRunning(job) {
  return job?.state === "checking" || job?.state === "testing";
}

function named(bundle) {
  return bundle ? say("update.name", { name: bundle.name, counter: bundle.counter }) : say("none");
}

/** Everything that is not the progress of something. */
function draw(parts, status) {
  const busy = Boolean(sending) || isRunning(status.job);
  fill(parts.state, make("dl.facts", {}, facts(status)), standing(status), outcome(status));
  fill(parts.work, restartAction(parts, status));
  const free = !busy && !status.restart && !status.probation;
  fill(parts.choice, free ? chooser(parts, status) : null);
  fill(parts.back, busy || !status.other ? null : backAction(parts, status));
}

function facts(status) {
  const rows = [["update.running", named(status.running)]];
  if (status.restart) rows.push(["update.next", named(status.active)]);
  rows.push(["update.before", named(status.other)]);
  return rows.map(([key, text]) => make("div", {}, make("dt", {}, say(key)), make("dd", {}, text)));
}

function standing(status) {
  const notes = [];
  if (status.reason && !status.restart) notes.push(note("warn", make("p.strong", {}, say("update.left")), make("p", {}, inSentences(status.reason))));
  if (status.stays) notes.push(note("warn", make("p.strong", {}, say("update.stays")), make("p", {}, inSentences(status.stays))));
  if (status.probation && !status.restart) notes.push(note("info", make("p", {}, say("update.probation"))));
  if (status.restart) notes.push(note("good", make("p.strong", {}, say("update.ready", { name: named(status.active) })), byHand(status)));
  return notes;
}

function byHand(status) {
  if (status.supervised) return make("p", {}, say("update.ready.text"), " ", status.probation ? say("update.ready.trial") : null);
  return make("p", {}, say("update.hand"), " ", make("code", {}, status.start));
}

/** How the last try has ended, if it changed nothing. */
function outcome({ job }) {
  if (job?.state === "cancelled") return note("info", make("p", {}, say("update.cancelled")));
  if (job?.state !== "refused") return null;
  return note("bad", make("p.strong", {}, say(REFUSED[job.kind])), make("p", {}, inSentences(job.error, job.hint)));
}

function chooser(parts, status) {
  const files = { type: "file", multiple: true, id: newId("bundle") };
  const input = make("input.hidden", { ...files, onchange: () => take(input.files) });
  const take = (chosen) => {
    if (chosen.length) send(parts, [...chosen]);
    input.value = "";
  };
  const left = status.files.map((file) => say("update.arrived", { name: file.name, done: size(file.received), total: size(file.size) }));
  const area = make(
    "section.adding",
    { "aria-label": say("update.choose") },
    make(
      "div.drop",
      {},
      icon("upload"),
      make("p", {}, make("label.button.primary", { for: input.id }, say("update.choose")), input),
      make("p.quiet.small.drop-text", {}, say("update.drop")),
    ),
    left.length ? make("div", {}, make("p.small", {}, say("update.again")), make("ul.small", {}, left.map((text) => make("li", {}, text)))) : null,
    left.length ? make("p", {}, make("button", { type: "button", onclick: () => cancel(parts) }, say("update.forget"))) : null,
  );
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("dropping");
  });
  area.addEventListener("dragleave", () => area.classList.remove("dropping"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  return area;
}

function restartAction(parts, status) {
  if (!status.restart || !status.supervised) return null;
  const button = make("button.primary", { type: "button" }, icon("again"), say("update.restart"));
  button.addEventListener("click", () => restart(parts, status, button));
  return make("p", {}, button);
}

function backAction(parts, status) {
  const text = say("update.back", { name: named(status.other) });
  const press = () => formDialog({
    title: say("update.back.title"),
    text: say("update.back.text", { name: named(status.other) }),
    fields: [field({ name: "reason", label: say("update.reason"), hint: say("update.reason.hint"), maxlength: 500 })],
    action: say("update.back.action"),
    submit: async (data) => {
      await call("POST", `${WHERE}/rollback`, { json: { reason: data.get("reason") } });
      follow(parts);
    },
  });
  return make("p", {}, make("button", { type: "button", onclick: press }, icon("replace"), text));
}

/** A bar, what it stands for, and a way to stop it. */
function drawWork(parts, text, share, stoppable = true) {
  let bar = find("progress", parts.work);
  if (!bar) {
    const id = newId("update");
    bar = make("progress", { max: 1, "aria-labelledby": id });
    const stop = stoppable ? make("button", { type: "button", onclick: () => cancel(parts) }, say("cancel")) : null;
    fill(parts.work, make("div.usage", {}, make("p", { id }), bar, make("p.small.quiet.update-share", {})), stop ? make("p", {}, stop) : null);
  }
  const line = find("p", parts.work);
  // Stages are read out; every per cent is not.
  if (line.dataset.stage !== text) announce(text);
  line.dataset.stage = text;
  line.textContent = text;
  find(".update-share", parts.work).textContent = share === null ? "" : say("update.share", { share: number(100 * share) });
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

async function send(parts, files) {
  const stop = new AbortController();
  sending = { stop, share: 0, name: "", tell: () => {}, done: null };
  fill(parts.problem);
  // What became of the last try is over.
  for (const old of parts.state.querySelectorAll(".note.bad, .note.info")) old.remove();
  const tell = (share, name) => {
    Object.assign(sending ?? {}, { share, name });
    sending?.tell();
  };
  sending.done = sendFiles(files, stop.signal, tell).then(() => call("POST", `${WHERE}/install`));
  followSending(parts);
}

async function followSending(parts) {
  const current = sending;
  fill(parts.choice);
  fill(parts.back);
  fill(parts.work);
  current.tell = () => drawWork(parts, say("update.sending"), current.share);
  current.tell();
  try {
    await current.done;
  } catch (problem) {
    if (!current.stop.signal.aborted) fill(parts.problem, problemNote(problem));
  }
  if (sending === current) sending = null;
  await follow(parts);
}

/** Look again and again until the job has ended. */
async function follow(parts) {
  fill(parts.choice);
  fill(parts.back);
  while (parts.root.isConnected) {
    const status = await call("GET", WHERE).catch(() => null);
    if (status && !isRunning(status.job)) {
      draw(parts, status);
      if (status.job) announce(parts.state.textContent);
      // What had the focus is gone.
      if (document.activeElement === document.body) find("h2", parts.root).focus();
      return;
    }
    if (status) drawJob(parts, status.job);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function drawJob(parts, job) {
  drawWork(parts, say(STAGES[job.kind][job.state]), jobShare(job), job.kind === "install");
}

function jobShare(job) {
  return job.state === "checking" && job.total ? job.done / job.total : null;
}

async function cancel(parts) {
  sending?.stop.abort();
  await call("DELETE", WHERE).catch((problem) => fill(parts.problem, problemNote(problem)));
  if (!sending) await follow(parts);
}

async function restart(parts, status, button) {
  const name = named(status.active);
  const agreed = await confirmed({ title: say("update.restart"), text: say("update.restart.text", { name }), action: say("update.restart") });
  if (!agreed) return;
  button.disabled = true;
  fill(parts.problem);
  try {
    await call("POST", `${WHERE}/restart`);
    fill(parts.back);
    fill(parts.work);
    drawWork(parts, say("update.restarting"), null, false);
    await started(parts, status.active);
  } catch (problem) {
    button.disabled = false;
    fill(parts.problem, problemNote(problem));
  }
}

/** Until the device answers with the new bundle, or with the one before because it did not start. */
async function started(parts, wanted) {
  let gone = false;
  while (parts.root.isConnected) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const status = await call("GET", WHERE).catch(() => null);
    if (status === null) gone = true;
    else if (gone || status.running?.digest === wanted.digest) return draw(parts, status);
  }
}
