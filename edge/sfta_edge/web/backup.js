// The encrypted backup of everything that is not in the bundle.

import { fill, make } from "./element.js";
import { icon } from "./icon.js";
import { say } from "./language.js";
import { note, notify, problemNote } from "./notice.js";
import { saveAnswer } from "./saving.js";

export async function showBackup(root) {
  const outcome = make("div", { role: "alert" });
  const go = make("button.primary", { type: "button" }, icon("download"), say("backup.action"));
  go.addEventListener("click", async () => {
    go.disabled = true;
    fill(outcome);
    try {
      await saveAnswer("v1/backup", "sfta-backup.age");
      notify(say("backup.done"));
    } catch (problem) {
      fill(outcome, problemNote(problem));
    } finally {
      go.disabled = false;
    }
  });
  fill(
    root,
    make("div.view-head", {}, make("h2", {}, say("admin.backup"))),
    make("p.lead", {}, say("backup.text")),
    note("info", make("p", {}, say("backup.key"), " ", make("code", {}, "sfta-edge backup --new-key"))),
    make("p", {}, go),
    outcome,
  );
}
