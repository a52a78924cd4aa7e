// Tokens with which programs call the device. A token is shown once, when it is made.

import { call, path } from "./api.js";
import { copy } from "./clipboard.js";
import { confirmed, formDialog, messageDialog } from "./dialog.js";
import { fill, make } from "./element.js";
import { field, namesIn } from "./field.js";
import { roleName } from "./frame.js";
import { icon } from "./icon.js";
import { dateTime, day, say } from "./language.js";
import { notify, note } from "./notice.js";
import { empty, iconButton, row } from "./row.js";
import { rightsFields } from "./users.js";

export async function showTokens(root) {
  const { tokens } = await call("GET", "v1/tokens");
  const again = () => showTokens(root);
  const press = { type: "button", onclick: () => addToken(again) };
  const add = make("button.primary", press, icon("plus"), say("tokens.add"));
  fill(
    root,
    make("div.view-head", {}, make("h2", {}, say("admin.tokens")), add),
    make("p.quiet.lead", {}, say("tokens.text")),
    tokens.length
      ? make("ul.rows", {}, tokens.map((token) => tokenRow(token, again)))
      : empty("key", say("tokens.empty"), ""),
  );
}

function tokenRow(token, again) {
  const { name } = token;
  return row({
    title: make("b", {}, name),
    tags: [[roleName(token.role)]],
    facts: [
      token.groups.length ? say("groups.of", { groups: token.groups.join(", ") }) : null,
      say("tokens.created", { date: day(token.created) }),
      token.last_used ? say("tokens.used", { date: dateTime(token.last_used) }) : say("tokens.unused"),
      token.expires ? say("tokens.expires", { date: day(token.expires) }) : say("tokens.forever"),
    ],
    actions: [iconButton("trash", say("tokens.revoke", { name }), () => revoke(token, again))],
  });
}

function addToken(again) {
  formDialog({
    title: say("tokens.add"),
    fields: [
      field({ name: "name", label: say("tokens.name"), required: true, hint: say("tokens.name.hint") }),
      rightsFields(),
      field({ name: "days", label: say("tokens.days"), type: "number", min: "1", hint: say("tokens.days.hint") }),
    ],
    action: say("tokens.add"),
    submit: async (data) => {
      const { name, role, groups, days } = Object.fromEntries(data);
      const json = { name, role, groups: namesIn(groups), ...(days ? { days: Number(days) } : {}) };
      const { token } = await call("POST", "v1/tokens", { json });
      await again();
      // After the form has closed, so that this one lies on top and gives the focus back.
      setTimeout(() => showToken(name, token));
    },
  });
}

function showToken(name, token) {
  const press = { type: "button", onclick: () => copy(token) };
  const button = make("button", press, icon("copy"), say("copy.short"));
  messageDialog({
    title: say("tokens.made", { name }),
    content: [
      note("warn", make("p", {}, say("tokens.once"))),
      make("div.secret", {}, make("code", { tabindex: "0" }, token), button),
    ],
  });
}

async function revoke({ id, name }, again) {
  const text = say("tokens.revoke.text", { name });
  if (!(await confirmed({ title: say("tokens.revoke", { name }), text, action: say("tokens.revoke.action") }))) return;
  try {
    await call("DELETE", path`v1/tokens/${id}`);
    notify(say("tokens.revoked", { name }));
    await again();
  } catch (problem) {
    notify(problem.sentence, "bad");
  }
}
