// The first boot, the login, and the change of a password.

import { call, session, takeSession } from "./api.js";
import { formDialog } from "./dialog.js";
import { fill, find, make } from "./element.js";
import { field, passwordField, valuesOf } from "./field.js";
import { icon } from "./icon.js";
import { say } from "./language.js";
import { note, notify, problemNote } from "./notice.js";

/** The form that lets somebody in; `entered` is called when it has. */
export function showEntry(root, { ended, entered }) {
  const first = session.setup;
  const errors = make("div", { role: "alert" });
  const go = make("button.primary.wide", { type: "submit" }, say(first ? "setup.action" : "login.action"));
  const form = make("form", {}, first ? setupFields() : loginFields(), errors, go);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      takeSession(await call("POST", first ? "v1/setup" : "v1/session", { json: valuesOf(form) }));
      entered();
    } catch (problem) {
      fill(errors, refusal(problem, first));
    } finally {
      go.disabled = false;
    }
  });
  fill(
    root,
    make(
      "section.entry",
      { "aria-labelledby": "entry-title" },
      make("div.entry-mark", {}, icon(first ? "shield" : "lock")),
      make("h1", { id: "entry-title" }, say(first ? "setup.title" : "login.title")),
      make("p.quiet", {}, say(first ? "setup.text" : "login.text")),
      ended ? note("info", make("p", {}, say("login.ended"))) : null,
      form,
    ),
  );
  find("input", form).focus();
}

function setupFields() {
  return [
    field({
      name: "token",
      label: say("setup.token"),
      hint: say("setup.token.hint"),
      required: true,
      autocomplete: "off",
      spellcheck: "false",
    }),
    nameField(),
    passwordField({
      label: say("password"),
      hint: say("password.hint"),
      autocomplete: "new-password",
    }),
  ];
}

function loginFields() {
  return [nameField(), passwordField({ label: say("password"), autocomplete: "current-password" })];
}

function nameField() {
  const spelling = { autocapitalize: "none", spellcheck: "false" };
  return field({ name: "name", label: say("name"), required: true, autocomplete: "username", ...spelling });
}

function refusal(problem, first) {
  if (problem.status === 401) {
    return note("bad", make("p", {}, say(first ? "setup.wrong" : "login.wrong")));
  }
  if (problem.status === 429) {
    const count = problem.retryAfter ?? 60;
    return note("bad", make("p", {}, say("login.locked", { count })));
  }
  return problemNote(problem);
}

export function changePassword() {
  formDialog({
    title: say("password.change"),
    text: say("password.change.text"),
    fields: [
      passwordField({ name: "old", label: say("password.old"), autocomplete: "current-password" }),
      passwordField({
        name: "new",
        label: say("password.new"),
        hint: say("password.hint"),
        autocomplete: "new-password",
      }),
    ],
    action: say("password.change"),
    submit: async (data) => {
      await call("POST", "v1/password", { json: Object.fromEntries(data) });
      notify(say("password.changed"));
    },
  });
}
