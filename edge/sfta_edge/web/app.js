// Starts the page: who is there, which view the address names, and the frame around it.

import { loadSession, may, session, sessionEvents } from "./api.js";
import { showAdmin } from "./admin.js";
import { showAsk } from "./ask.js";
import { showDocuments } from "./documents.js";
import { fill, find, make } from "./element.js";
import { drawFrame } from "./frame.js";
import { showHistory } from "./history.js";
import { say } from "./language.js";
import { showEntry } from "./login.js";
import { problemNote } from "./notice.js";
import { forget, thread } from "./thread.js";
import { forgetUploads } from "./upload.js";
import { closeViewer } from "./viewer.js";

const VIEWS = {
  ask: { show: showAsk, role: "reader", title: "nav.ask", icon: "ask" },
  history: { show: showHistory, role: "reader", title: "nav.history", icon: "history" },
  documents: { show: showDocuments, role: "reader", title: "nav.documents", icon: "documents" },
  admin: { show: showAdmin, role: "admin", title: "nav.admin", icon: "admin" },
};
const main = find("#main");
let leave = () => {};
let lastPerson = null;

function inside() {
  return !session.accounts || session.user !== null;
}

/** Name of the view and what follows it in the address: #/admin/users. */
function place() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const known = Object.hasOwn(VIEWS, name) && may(VIEWS[name].role);
  return known ? [name, rest] : ["ask", []];
}

function openViews() {
  return Object.entries(VIEWS).filter(([, view]) => may(view.role));
}

async function show({ focus = false, ended = false } = {}) {
  leave();
  leave = () => {};
  closeViewer();
  const [name, rest] = place();
  drawFrame({ views: inside() ? openViews() : [], current: name, again: show, left: () => out() });
  find(".skip").textContent = say("skip");
  main.className = inside() ? `view-${name}` : "view-entry";
  if (!inside()) return showLogin(ended);
  const view = VIEWS[name];
  document.title = `${say(view.title)} · ${say("brand")}`;
  const root = make("div.view");
  fill(main, root);
  // A view that is still loading when the reader goes on must not take hold of the page.
  let here = true;
  let end = null;
  leave = () => {
    here = false;
    end?.();
  };
  try {
    end = await view.show(root, rest);
    if (!here) end?.();
  } catch (problem) {
    if (here && inside()) fill(root, problemNote(problem));
  }
  if (here && focus) focusTitle();
}

function focusTitle() {
  const title = find("h1", main) ?? main;
  title.setAttribute("tabindex", "-1");
  title.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function showLogin(ended) {
  document.title = say("brand");
  showEntry(main, { ended, entered });
}

function entered() {
  // What one person asked is not for the next.
  if (lastPerson !== null && lastPerson !== session.user?.name) forgetAll();
  lastPerson = session.user?.name ?? null;
  show({ focus: true });
}

function out() {
  forgetAll();
  lastPerson = null;
  show();
}

function forgetAll() {
  forget();
  forgetUploads();
}

async function start() {
  find(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  try {
    await loadSession();
  } catch (problem) {
    return fill(main, make("div.view", {}, problemNote(problem, retryButton())));
  }
  lastPerson = session.user?.name ?? null;
  show();
}

function retryButton() {
  return make("button", { type: "button", onclick: () => location.reload() }, say("again"));
}

addEventListener("hashchange", () => show({ focus: true }));
sessionEvents.addEventListener("ended", () => {
  thread.stop();
  for (const dialog of document.querySelectorAll("dialog.dialog")) dialog.close();
  show({ ended: true });
});
start();
