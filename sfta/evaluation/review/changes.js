// What a person changes: kept beside the lines of the file, which stay as they are until they are
// touched, and written out as a new file.
"use strict";
const kept = `sfta-questions-${data.digest}`;
const entries = data.rows.map(({ line, own }) =>
  ({ line, own, was: JSON.parse(data.lines[line]), now: null, rejected: false }));

function fieldsOf(row) {
  return {
    question: row.question ?? "", answers: [...(row.answers ?? [])], answerable: row.answerable ?? true,
    oracle_ids: [...(row.oracle_ids ?? [])],
    oracle_pages: (row.oracle_pages ?? []).map(({ document: name, page }) => ({ document: name, page })),
    reference: row.reference ?? "", kind: row.kind ?? "",
    variants: Object.entries(row.variants ?? {}).flatMap(([name, texts]) => texts.map((text) => ({ name, text }))),
  };
}

const current = (entry) => entry.now ?? fieldsOf(entry.was);
const isAdded = (entry) => entry.line === null;
const documentsOf = (entry) => entry.was.documents ?? [];

function change(entry, values) {
  entry.now = { ...current(entry), ...values };
  if (!isAdded(entry) && JSON.stringify(entry.now) === JSON.stringify(fieldsOf(entry.was))) entry.now = null;
  changed();
}

function undo(entry) {
  entry.rejected = false;
  if (!isAdded(entry)) entry.now = null;
  changed();
}

function add() {
  const taken = new Set(entries.map((entry) => entry.was.id));
  let number = 1;
  while (taken.has(`added-${number}`)) number += 1;
  const entry = added(`added-${number}`, fieldsOf({}));
  changed();
  return entry;
}

function added(id, now) {
  const entry = { line: null, own: {}, was: { id }, now, rejected: false };
  entries.push(entry);
  return entry;
}

// Pages, answers and wordings that are empty are not written.
function cleaned(entry) {
  const { question, answers, answerable, oracle_ids, oracle_pages, reference, kind, variants } = current(entry);
  const said = answers.map((answer) => answer.trim()).filter(Boolean);
  const pages = oracle_pages.filter(({ document: name, page }) => name.trim() || page);
  return {
    question: question.trim(), answers: answerable ? said : [], answerable,
    oracle_ids: answerable ? oracle_ids : [],
    oracle_pages: answerable ? pages.map(({ document: name, page }) => ({ document: name.trim(), page })) : [],
    reference: answerable ? reference.trim() : "", kind: kind.trim(),
    variants: variants.map(({ name, text }) => ({ name: name.trim(), text: text.trim() })).filter(({ text }) => text),
  };
}

// As in the file: lists of texts by name.
function byName(variants) {
  const texts = new Map();
  for (const { name, text } of variants) texts.set(name, [...(texts.get(name) ?? []), text]);
  return Object.fromEntries(texts);
}

function problems(entry) {
  if (entry.rejected || !entry.now) return [];
  const row = cleaned(entry);
  const found = [];
  if (!row.question) found.push("The question is empty.");
  if (row.answerable && !row.answers.length) found.push("It needs an accepted answer, or is not answerable.");
  if (row.oracle_pages.some(({ document: name, page }) => !name || !Number.isInteger(page) || page < 1))
    found.push("A page needs the name of its document and a number from 1.");
  if (row.oracle_pages.length && entry.was.all_oracles)
    found.push("It needs all of its oracle ids; pages cannot be named beside them.");
  if (row.variants.some(({ name }) => !name)) found.push("Another wording needs a name.");
  return found;
}

function lineOf(entry) {
  const end = entry.line !== null && data.lines[entry.line].endsWith("\r") ? "\r" : "";
  if (!entry.now) return data.lines[entry.line];
  const fields = cleaned(entry);
  const row = { ...entry.was, ...fields };
  for (const name of ["oracle_ids", "oracle_pages", "reference", "kind", "variants"]) {
    const empty = row[name].length === 0;
    if (empty) delete row[name];
  }
  if (row.variants) row.variants = byName(row.variants);
  if (!row.oracle_ids) delete row.all_oracles;
  const spelled = Object.entries(row).map(([name, value]) =>
    `${JSON.stringify(name)}: ${name in entry.own ? entry.own[name] : JSON.stringify(value)}`);
  return `{${spelled.join(", ")}}${end}`;
}

function content() {
  const byLine = new Map(entries.filter((entry) => !isAdded(entry)).map((entry) => [entry.line, entry]));
  const lines = data.lines.flatMap((line, number) => {
    const entry = byLine.get(number);
    if (!entry) return [line];
    return entry.rejected ? [] : [lineOf(entry)];
  });
  const more = entries.filter((entry) => isAdded(entry) && !entry.rejected).map(lineOf);
  const end = more.length && lines.at(-1) === "" ? lines.splice(-1) : [];
  return [...lines, ...more, ...end].join("\n");
}

function keep() {
  state.saved = false;
  const mine = { changes: {}, rejected: [], added: [] };
  for (const entry of entries) {
    if (isAdded(entry)) mine.added.push({ id: entry.was.id, now: entry.now, rejected: entry.rejected });
    else if (entry.now) mine.changes[entry.line] = entry.now;
    if (!isAdded(entry) && entry.rejected) mine.rejected.push(entry.line);
  }
  return store(kept, mine);
}

function restore() {
  const mine = stored(kept);
  if (!mine) return;
  const rejected = new Set(mine.rejected);
  for (const entry of entries) {
    const changes = mine.changes[entry.line];
    // What an older page has kept may lack a field.
    entry.now = changes ? { ...fieldsOf(entry.was), ...changes } : null;
    entry.rejected = rejected.has(entry.line);
  }
  for (const { id, now, rejected: gone } of mine.added) added(id, { ...fieldsOf({}), ...now }).rejected = gone;
  if (entries.some(isTouched)) say("Your changes are back.");
}

const isTouched = (entry) => Boolean(entry.now) || entry.rejected;
