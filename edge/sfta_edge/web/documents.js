// The documents that may be read here, and what an editor may do with them.

import { addingPanel } from "./adding.js";
import { call, may, path } from "./api.js";
import { confirmed, formDialog } from "./dialog.js";
import { fill, find, make } from "./element.js";
import { choiceField, field, namesIn } from "./field.js";
import { day, say, size } from "./language.js";
import { notify } from "./notice.js";
import { empty, iconButton, row } from "./row.js";
import { uploads } from "./upload.js";
import { openViewer } from "./viewer.js";

export async function showDocuments(root) {
  const state = { documents: [], filter: "", collection: null };
  const list = make("div", {});
  const count = make("p.quiet", { role: "status" });
  const tools = make("div.list-tools", { role: "search" });
  const draw = () => drawList(state, list, count, reload);
  const reload = async () => {
    state.documents = (await call("GET", "v1/documents")).documents;
    if (!list.isConnected) return;
    drawTools(tools, state, draw);
    draw();
  };
  const adding = may("editor") ? addingPanel() : null;
  const head = make("div.view-head", {}, make("h1", {}, say("nav.documents")), count);
  fill(root, head, adding?.element ?? null, tools, list);
  await reload();
  adding?.suggest(collectionsOf(state.documents), groupsOf(state.documents));
  uploads.addEventListener("done", reload);
  return () => {
    uploads.removeEventListener("done", reload);
    adding?.end();
  };
}

function collectionsOf(documents) {
  return [...new Set(documents.map(({ collection }) => collection ?? ""))].sort();
}

function groupsOf(documents) {
  return [...new Set(documents.flatMap(({ access }) => access))].sort();
}

/** The filters; those that are being used are left alone. */
function drawTools(tools, state, draw) {
  const names = collectionsOf(state.documents);
  if (find(":focus", tools)) return;
  const search = field({
    name: "filter",
    label: say("documents.filter"),
    type: "search",
    value: state.filter,
    oninput: (event) => {
      state.filter = event.target.value;
      draw();
    },
  });
  const options = [["*", say("documents.all")], ...names.map((name) => [name, name || say("collection.none")])];
  const choice = choiceField({
    name: "collection",
    label: say("collection"),
    options,
    value: state.collection ?? "*",
    onchange: (event) => {
      state.collection = event.target.value === "*" ? null : event.target.value;
      draw();
    },
  });
  fill(tools, search, names.length > 1 ? choice : null);
}

function drawList(state, list, count, reload) {
  const shown = state.documents.filter((document) => matches(document, state));
  count.textContent = say("documents.count", { count: shown.length });
  if (state.documents.length === 0) {
    return fill(list, empty("documents", say("documents.empty"), may("editor") ? say("documents.empty.text") : ""));
  }
  if (shown.length === 0) return fill(list, empty("documents", say("documents.none"), say("documents.none.text")));
  return fill(list, make("ul.rows", {}, shown.map((document) => documentRow(document, reload))));
}

function matches(document, { filter, collection }) {
  if (collection !== null && (document.collection ?? "") !== collection) return false;
  const text = [document.title, document.name, document.collection, ...document.access].join(" ");
  return text.toLowerCase().includes(filter.trim().toLowerCase());
}

function documentRow(document, reload) {
  const name = document.title || document.name;
  const open = make(
    "button.link",
    { type: "button", onclick: (event) => openDocument(document, event.currentTarget) },
    name,
  );
  const access = document.access.length ? document.access.join(", ") : null;
  const tags = [
    document.collection ? [document.collection] : null,
    access ? [say("documents.only", { groups: access }), "warn"] : null,
    document.origin === "bundle" ? [say("documents.bundle"), "accent"] : null,
  ];
  const facts = [
    document.title ? document.name : null,
    say("pages", { count: document.pages }),
    document.bytes ? size(document.bytes) : null,
    say("chunks", { count: document.chunks }),
    document.added ? say("documents.added", { date: day(document.added) }) : null,
  ];
  return row({ title: open, tags: tags.filter(Boolean), facts, actions: actions(document, name, reload) });
}

function openDocument(document, opener) {
  openViewer({ id: document.id, title: document.title || document.name, page: 1, boxes: [], quote: "" }, opener);
}

function actions(document, name, reload) {
  const made = [];
  if (document.has_file) made.push(fileLink(document, name));
  if (may("editor") && document.origin !== "bundle") {
    made.push(
      iconButton("edit", say("documents.move", { name }), () => move(document, name, reload)),
      iconButton("replace", say("documents.replace", { name }), () => replace(document)),
      iconButton("trash", say("documents.delete", { name }), () => remove(document, name, reload)),
    );
  }
  return made;
}

function fileLink(document, name) {
  const label = say("documents.file", { name });
  const link = iconButton("download", label, () => {
    make("a", { href: path`v1/documents/${document.id}/file`, download: document.name }).click();
  });
  return link;
}

/** Ask for another collection and other groups; both count from the next question on. */
function move({ id, collection, access }, name, reload) {
  const fields = [
    field({ name: "to", label: say("collection"), hint: say("adding.collection.hint"), value: collection ?? "" }),
    field({ name: "groups", label: say("access"), hint: say("adding.access.hint"), value: access.join(", ") }),
  ];
  const submit = async (values) => {
    const json = { collection: values.get("to").trim(), access: namesIn(values.get("groups")) };
    await call("PATCH", path`v1/documents/${id}`, { json });
    notify(say("documents.moved", { name }));
    await reload();
  };
  formDialog({ title: say("adding.settings"), text: name, fields, action: say("save"), submit });
}

/** Send another file under the same name; it takes the place of the old one when it is read. */
function replace({ name, collection, access }) {
  const choose = (event) => {
    for (const file of event.target.files) uploads.add(file, { name, collection: collection ?? "", access });
  };
  make("input", { type: "file", onchange: choose }).click();
}

async function remove(document, name, reload) {
  const text = say("documents.delete.text", { name, count: document.pages });
  if (!(await confirmed({ title: say("documents.delete.title"), text, action: say("delete") }))) return;
  try {
    await call("DELETE", path`v1/documents/${document.id}`);
    notify(say("documents.deleted", { name }));
    await reload();
    find("h1")?.focus();
  } catch (problem) {
    notify(problem.sentence, "bad");
  }
}
