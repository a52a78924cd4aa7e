// Adds documents: files chosen or dropped, who may read them, and how far each one is.

import { call, inSentences } from "./api.js";
import { fill, find, make, newId } from "./element.js";
import { field, namesIn } from "./field.js";
import { icon } from "./icon.js";
import { number, say } from "./language.js";
import { iconButton } from "./row.js";
import { isOpen, uploads } from "./upload.js";

const STATES = {
  queued: "upload.queued",
  sending: "upload.sending",
  waiting: "upload.waiting",
  running: "upload.running",
  done: "upload.done",
  failed: "upload.failed",
  cancelled: "upload.cancelled",
};

/** The panel; `suggest` names known collections and groups, `end` lets go of the page. */
export function addingPanel() {
  const known = { collections: newId("collections"), groups: newId("groups") };
  const files = { type: "file", multiple: true, id: newId("files") };
  const input = make("input.hidden", { ...files, onchange: () => take(input.files) });
  const panel = make(
    "section.adding",
    { "aria-label": say("adding.title") },
    make(
      "div.drop",
      {},
      icon("upload"),
      make("p", {}, make("label.button.primary", { for: input.id }, say("adding.choose")), input),
      make("p.quiet.small.drop-text", {}, say("adding.drop")),
    ),
    settings(known),
    make("ul.uploads", { "aria-label": say("uploads") }),
  );
  const take = (files) => {
    addFiles(panel, files);
    input.value = "";
  };
  const drawn = () => drawUploads(find(".uploads", panel));
  uploads.addEventListener("change", drawn);
  const letGo = dropTarget(panel, take);
  drawn();
  followOpenJobs();
  return {
    element: panel,
    suggest: (collections, groups) => suggest(known, collections, groups),
    end() {
      uploads.removeEventListener("change", drawn);
      letGo();
    },
  };
}

function settings(known) {
  return make(
    "details.adding-settings",
    {},
    make("summary", {}, say("adding.settings")),
    make(
      "div.two",
      {},
      field({ name: "into", label: say("collection"), hint: say("adding.collection.hint"), list: known.collections }),
      field({ name: "access", label: say("access"), hint: say("adding.access.hint"), list: known.groups }),
    ),
    make("datalist", { id: known.collections }),
    make("datalist", { id: known.groups }),
  );
}

function suggest(known, collections, groups) {
  for (const [id, names] of [[known.collections, collections], [known.groups, groups]]) {
    const list = document.getElementById(id);
    if (list) fill(list, names.filter(Boolean).map((value) => make("option", { value })));
  }
}

function addFiles(panel, files) {
  const collection = find("[name=into]", panel).value.trim();
  const access = namesIn(find("[name=access]", panel).value);
  for (const file of files) uploads.add(file, { collection, access });
}

/** Files may be dropped anywhere on the page while the panel is shown. */
function dropTarget(panel, take) {
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    panel.classList.add("dropping");
  };
  const out = (event) => {
    if (event.relatedTarget === null) panel.classList.remove("dropping");
  };
  const drop = (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    panel.classList.remove("dropping");
    take(event.dataTransfer.files);
  };
  const heard = { dragover: over, dragleave: out, drop };
  for (const [name, listener] of Object.entries(heard)) document.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(heard)) document.removeEventListener(name, listener);
  };
}

async function followOpenJobs() {
  const { jobs } = await call("GET", "v1/jobs").catch(() => ({ jobs: [] }));
  for (const job of jobs) if (isOpen(job)) uploads.follow(job);
}

function drawUploads(list) {
  const shown = uploads.list;
  const rows = new Map([...list.children].map((item) => [item.upload, item]));
  const items = shown.map((upload) => rows.get(upload) ?? newRow(upload));
  items.forEach(updateRow);
  // Only what is new or gone is touched: a button keeps the focus while bars grow.
  for (const [upload, item] of rows) if (!shown.includes(upload)) item.remove();
  items.forEach((item, i) => {
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  list.hidden = shown.length === 0;
}

function newRow(upload) {
  const bar = make("progress", { max: 1, "aria-label": upload.name });
  const act = () => (isOpen(upload) ? uploads.cancel(upload) : uploads.drop(upload));
  const stop = iconButton("close", say("upload.cancel", { name: upload.name }), act);
  const told = [make("span.small.quiet"), make("p.small.upload-why")];
  const text = make("div.upload-text", {}, make("b", {}, upload.name), told);
  const item = make("li.upload", {}, text, bar, stop);
  item.upload = upload;
  return item;
}

function updateRow(item) {
  const { upload } = item;
  item.dataset.state = upload.state;
  find("span", item).textContent = stateText(upload);
  find(".upload-why", item).textContent = reason(upload);
  const bar = find("progress", item);
  bar.hidden = !isOpen(upload);
  const share = upload.state === "sending" ? upload.share : jobShare(upload.job);
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  if (!isOpen(upload)) find("button", item).setAttribute("aria-label", say("upload.drop", { name: upload.name }));
}

function jobShare(job) {
  return job?.total ? job.done / job.total : null;
}

function stateText(upload) {
  const text = say(STATES[upload.state] ?? "upload.waiting");
  if (upload.state === "sending") return `${text}, ${number(100 * upload.share)} %`;
  if (upload.state !== "running") return text;
  const { step, done, total } = upload.job;
  return [text, step, total ? say("upload.of", { done, total }) : null].filter(Boolean).join(", ");
}

function reason(upload) {
  if (upload.state !== "failed") return "";
  if (upload.problem) return inSentences(upload.problem.sentence, upload.problem.said);
  return inSentences(upload.job.error);
}
