// The bar at the top: the name, the views, and the reader's menu. On a phone the views lie at
// the bottom, where a thumb reaches them.

import { call, loadSession, session } from "./api.js";
import { fill, find, make } from "./element.js";
import { icon } from "./icon.js";
import { keep, kept } from "./kept.js";
import { LANGUAGES, language, say, useLanguage } from "./language.js";
import { changePassword } from "./login.js";
import { notify } from "./notice.js";

const APPEARANCES = { system: "appearance.system", light: "appearance.light", dark: "appearance.dark" };
const ROLES = { reader: "role.reader", editor: "role.editor", admin: "role.admin" };

export function roleName(role) {
  return say(ROLES[role] ?? "role.reader");
}

/** Draw the bar. `again` draws the page anew; `left` is called after a logout. */
export function drawFrame({ views, current, again, left }) {
  fill(
    find("header.bar"),
    make("a.brand", { href: "#/ask" }, mark(), make("span", {}, say("brand"))),
    views.length ? navigation(views, current) : null,
    menuButton(),
    menu(again, left),
  );
}

function mark() {
  return make("img", { src: "icon.svg", alt: "", width: "28", height: "28" });
}

function navigation(views, current) {
  const links = views.map(([name, view]) => {
    const here = name === current ? { "aria-current": "page" } : {};
    return make("a", { href: `#/${name}`, ...here }, icon(view.icon), make("span", {}, say(view.title)));
  });
  return make("nav.views", { "aria-label": say("nav") }, links);
}

function menuButton() {
  const name = session.user?.name ?? say("menu.settings");
  const attributes = { type: "button", popovertarget: "menu", "aria-label": say("menu.open", { name }) };
  return make("button.menu-button", attributes, icon("person"), make("span", {}, name), icon("down"));
}

function menu(again, left) {
  const user = session.user;
  return make(
    "div.menu",
    { id: "menu", popover: "auto", role: "group", "aria-label": say("menu") },
    user ? make("p.menu-person", {}, make("b", {}, user.name), ` ${roleName(user.role)}`) : null,
    switcher(say("language"), "language", LANGUAGES, language(), (name) => {
      useLanguage(name);
      again();
    }),
    switcher(say("appearance"), "appearance", appearanceNames(), kept("appearance") ?? "system", appear),
    user ? menuAction("key", say("password.change"), changePassword) : null,
    user ? menuAction("leave", say("logout"), () => logOut(left)) : null,
  );
}

function appearanceNames() {
  return Object.fromEntries(Object.entries(APPEARANCES).map(([name, key]) => [name, say(key)]));
}

function appear(name) {
  document.documentElement.dataset.chosen = name;
  keep("appearance", name);
  document.dispatchEvent(new Event("appearance"));
}

function switcher(label, name, options, current, choose) {
  const buttons = Object.entries(options).map(([value, text]) => {
    const attributes = { type: "radio", name, value, checked: value === current };
    const input = make("input", { ...attributes, onchange: () => choose(value) });
    return make("label", {}, input, make("span", {}, text));
  });
  return make("fieldset.switcher", {}, make("legend", {}, label), make("div", {}, buttons));
}

function menuAction(name, text, act) {
  const press = () => {
    find("#menu").hidePopover();
    act();
  };
  return make("button.menu-action", { type: "button", onclick: press }, icon(name), text);
}

async function logOut(left) {
  try {
    await call("DELETE", "v1/session");
  } catch (problem) {
    if (problem.status !== 401) return notify(problem.sentence, "bad");
  }
  session.user = null;
  await loadSession().catch(() => {});
  left();
}
