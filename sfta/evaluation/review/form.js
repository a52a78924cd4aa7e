// The question that is shown, as a form. It is drawn anew when another one is shown, and not while
// somebody writes.
"use strict";
let fieldNumber = 0;

function labelled(text, control, className = "field") {
  const label = element("label", "", className);
  control.id ||= `field-${fieldNumber++}`;
  label.htmlFor = control.id;
  label.append(element("span", text), control);
  return label;
}

function written(tag, value, onInput, more = {}) {
  const control = element(tag);
  if (tag === "input") control.type = "text";
  Object.assign(control, { autocomplete: "off", spellcheck: true, ...more });
  control.value = value;
  control.addEventListener("input", () => onInput(control.value));
  return control;
}

function button(text, name, onClick) {
  const made = element("button", text, "plain small");
  made.type = "button";
  if (name) made.setAttribute("aria-label", name);
  made.addEventListener("click", onClick);
  return made;
}

// What had the keyboard is drawn anew too.
function redraw(focused) {
  drawRow();
  find("row").querySelector(focused)?.focus();
}

function questionForm(entry) {
  const row = current(entry);
  const { line, was } = entry;
  const place = line === null ? "added here" : `line ${line + 1}`;
  const question = written("textarea", row.question, (value) => change(entry, { question: value }),
    { id: "question", rows: 2 });
  const kind = written("input", row.kind, (value) => change(entry, { kind: value }), { spellcheck: false });
  kind.setAttribute("list", "kinds");
  return [
    element("div", "", "flags"),
    labelled("Question", question),
    checkbox("The documents hold the answer", row.answerable, "answerable", (on) => {
      change(entry, { answerable: on });
      redraw("#answerable");
    }),
    ...(row.answerable ? [answers(entry), ...evidence(entry), reference(entry)] : []),
    wordings(entry),
    labelled("Kind", kind),
    element("p", [`question ${was.id}`, place, was.test_set].filter(Boolean).join(", "), "quiet"),
    ...documents(entry),
  ];
}

function checkbox(text, checked, id, onChange) {
  const label = element("label", "", "check");
  const control = element("input");
  Object.assign(control, { type: "checkbox", checked, id });
  control.addEventListener("change", () => onChange(control.checked));
  label.append(control, element("span", text));
  return label;
}

function group(title, className, items, more) {
  const made = element("fieldset", "", className);
  made.append(element("legend", title), ...items, more);
  return made;
}

function answers(entry) {
  const set = (values) => change(entry, { answers: values });
  const items = (current(entry).answers.length ? current(entry).answers : [""]).map((answer, place) => {
    const control = written("input", answer, (value) => {
      const values = [...current(entry).answers];
      values[place] = value;
      set(values);
    });
    control.setAttribute("aria-label", `Accepted answer ${place + 1}`);
    control.addEventListener("keydown", (event) => { if (event.key === "Enter") another(event); });
    const line = element("div", "", "line");
    line.append(control, button("Remove", `Remove answer ${place + 1}`, () => {
      set(current(entry).answers.filter((_, other) => other !== place));
      redraw(".answers > button");
    }));
    return line;
  });
  function another(event) {
    event.preventDefault();
    set([...current(entry).answers, ""]);
    redraw(".answers .line:last-of-type input");
  }
  return group("Accepted answers", "answers", items, button("Add an answer", "", another));
}

function evidence(entry) {
  return documentsOf(entry).length ? [] : [pages(entry)];
}

function pages(entry) {
  const set = (place, values) => change(entry, {
    oracle_pages: current(entry).oracle_pages.map((page, other) => (other === place ? { ...page, ...values } : page)),
  });
  const items = current(entry).oracle_pages.map(({ document: name, page }, place) => {
    const line = element("div", "", "line");
    const file = written("input", name, (value) => set(place, { document: value }), { spellcheck: false });
    file.setAttribute("aria-label", `Document ${place + 1}`);
    file.setAttribute("list", "files");
    const number = written("input", page ?? "", (value) => set(place, { page: value ? Number(value) : null }),
      { type: "number", min: 1, step: 1 });
    number.setAttribute("aria-label", `Page of document ${place + 1}`);
    line.append(file, number, button("Remove", `Remove page ${place + 1}`, () => {
      change(entry, { oracle_pages: current(entry).oracle_pages.filter((_, other) => other !== place) });
      redraw(".pages-of > button");
    }));
    return line;
  });
  return group("Pages that hold the answer", "pages-of", items, button("Add a page", "", () => {
    change(entry, { oracle_pages: [...current(entry).oracle_pages, { document: "", page: 1 }] });
    redraw(".pages-of .line:last-of-type input");
  }));
}

function wordings(entry) {
  const set = (place, values) => change(entry, {
    variants: current(entry).variants.map((wording, other) => (other === place ? { ...wording, ...values } : wording)),
  });
  const items = current(entry).variants.map(({ name, text }, place) => {
    const line = element("div", "", "line");
    const named = written("input", name, (value) => set(place, { name: value }),
      { spellcheck: false, className: "name" });
    named.setAttribute("aria-label", `Name of wording ${place + 1}`);
    named.setAttribute("list", "wordings");
    // The browser's dictionary is that of its reader, and the wording may be in any language.
    const worded = written("input", text, (value) => set(place, { text: value }), { spellcheck: false });
    worded.setAttribute("aria-label", `Wording ${place + 1}`);
    line.append(named, worded, button("Remove", `Remove wording ${place + 1}`, () => {
      change(entry, { variants: current(entry).variants.filter((_, other) => other !== place) });
      redraw(".wordings > button");
    }));
    return line;
  });
  const meaning = "A language code such as de names another language, any other name a paraphrase.";
  return group("The question in other words, for sfta robustness", "wordings",
    items.length ? [element("p", meaning, "quiet"), ...items] : [], button("Add a wording", "", () => {
      const { name } = current(entry).variants.at(-1) ?? { name: "paraphrase" };
      change(entry, { variants: [...current(entry).variants, { name, text: "" }] });
      redraw(".wordings .line:last-of-type input:not(.name)");
    }));
}

function reference(entry) {
  return labelled("Answer in full sentences, if there is one", written("textarea", current(entry).reference,
    (value) => change(entry, { reference: value }), { rows: 2 }));
}

function documents(entry) {
  const given = documentsOf(entry);
  if (!given.length) return [];
  return [element("h3", "Documents that come with the question"), ...given.map((given_, place) => {
    const { answerable, oracle_ids } = current(entry);
    const box = element("section", "", answerable && oracle_ids.includes(given_.id) ? "chunk oracle" : "chunk");
    const head = element("div");
    head.append(element("strong", `[${place + 1}] ${given_.title || given_.id}`));
    if (answerable) {
      head.append(checkbox("holds the answer", oracle_ids.includes(given_.id), "", (on) => {
        const chosen = new Set(current(entry).oracle_ids);
        if (on) chosen.add(given_.id); else chosen.delete(given_.id);
        change(entry, { oracle_ids: given.map(({ id }) => id).filter((id) => chosen.has(id)) });
        box.classList.toggle("oracle", on);
      }));
    }
    box.append(head, element("p", given_.text));
    return box;
  })];
}
