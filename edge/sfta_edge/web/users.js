// The people who may use the device.

import { call, path, session } from "./api.js";
import { confirmed, formDialog } from "./dialog.js";
import { fill, make } from "./element.js";
import { choiceField, field, namesIn, passwordField, tickField } from "./field.js";
import { roleName } from "./frame.js";
import { icon } from "./icon.js";
import { dateTime, say } from "./language.js";
import { notify } from "./notice.js";
import { iconButton, row } from "./row.js";

const ROLES = ["reader", "editor", "admin"];

export async function showUsers(root) {
  const { users } = await call("GET", "v1/users");
  const again = () => showUsers(root);
  const add = make("button.primary", { type: "button", onclick: () => addUser(again) }, icon("plus"), say("users.add"));
  fill(
    root,
    make("div.view-head", {}, make("h2", {}, say("admin.users")), add),
    make("p.quiet.lead", {}, say("users.text")),
    make("ul.rows", {}, users.map((user) => userRow(user, again))),
  );
}

function userRow(user, again) {
  const { name } = user;
  const tags = [[roleName(user.role), user.role === "admin" ? "accent" : "plain"]];
  if (user.disabled) tags.push([say("users.disabled"), "warn"]);
  if (name === session.user?.name) tags.push([say("users.self"), "plain"]);
  return row({
    title: make("b", {}, name),
    tags,
    facts: [
      user.groups.length ? say("groups.of", { groups: user.groups.join(", ") }) : say("groups.none"),
      user.last_seen ? say("users.seen", { date: dateTime(user.last_seen) }) : say("users.unseen"),
    ],
    actions: [
      iconButton("edit", say("users.edit", { name }), () => editUser(user, again)),
      iconButton("key", say("users.password", { name }), () => resetPassword(user)),
      iconButton("trash", say("users.delete", { name }), () => deleteUser(user, again)),
    ],
  });
}

/** Fields for what a person or a program may do. */
export function rightsFields({ role = "reader", groups = [] } = {}) {
  return [
    choiceField({
      name: "role",
      label: say("role"),
      options: ROLES.map((name) => [name, roleName(name)]),
      value: role,
      hint: say("role.hint"),
    }),
    field({ name: "groups", label: say("groups"), value: groups.join(", "), hint: say("groups.hint") }),
  ];
}

function addUser(again) {
  formDialog({
    title: say("users.add"),
    fields: [
      field({
        name: "name",
        label: say("name"),
        required: true,
        autocomplete: "off",
        autocapitalize: "none",
        spellcheck: "false",
      }),
      passwordField({ label: say("password"), hint: say("users.password.hint"), autocomplete: "new-password" }),
      rightsFields(),
    ],
    action: say("users.add"),
    submit: async (data) => {
      const { name, password, role, groups } = Object.fromEntries(data);
      await call("POST", "v1/users", { json: { name, password, role, groups: namesIn(groups) } });
      notify(say("users.added", { name }));
      await again();
    },
  });
}

function editUser(user, again) {
  formDialog({
    title: say("users.edit", { name: user.name }),
    fields: [
      rightsFields(user),
      tickField({ name: "disabled", label: say("users.disable"), checked: user.disabled }),
    ],
    action: say("save"),
    submit: async (data) => {
      const json = {
        role: data.get("role"),
        groups: namesIn(data.get("groups")),
        disabled: data.has("disabled"),
      };
      await call("PATCH", path`v1/users/${user.name}`, { json });
      notify(say("users.saved", { name: user.name }));
      await again();
    },
  });
}

function resetPassword({ name }) {
  formDialog({
    title: say("users.password", { name }),
    text: say("users.password.text"),
    fields: [
      passwordField({
        label: say("password.new"),
        hint: say("users.password.hint"),
        autocomplete: "new-password",
      }),
    ],
    action: say("save"),
    submit: async (data) => {
      await call("PATCH", path`v1/users/${name}`, { json: { password: data.get("password") } });
      notify(say("users.saved", { name }));
    },
  });
}

async function deleteUser({ name }, again) {
  const text = say("users.delete.text", { name });
  if (!(await confirmed({ title: say("users.delete", { name }), text, action: say("delete") }))) return;
  try {
    await call("DELETE", path`v1/users/${name}`);
    notify(say("users.deleted", { name }));
    await again();
  } catch (problem) {
    notify(problem.status === 409 ? say("users.last") : problem.sentence, "bad");
  }
}
