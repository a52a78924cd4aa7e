// A finished answer: how far to trust it, its text, its sources, and what can be done with it.

import { copy } from "./clipboard.js";
import { make } from "./element.js";
import { icon } from "./icon.js";
import { number, say, seconds } from "./language.js";
import { note } from "./notice.js";
import { answerProse, plainAnswer } from "./prose.js";
import { place, sourceList } from "./sources.js";

/** Everything but the buttons below. `widen` asks again in all collections; null: they were. */
export function answerBody(answer, { widen = null } = {}) {
  if (answer.refused) return refusal(answer, widen);
  return [
    verdict(answer),
    answer.mode === "extractive" ? null : answerProse(answer),
    remarks(answer),
    sourceList(answer, say(answer.mode === "extractive" ? "sources.passages" : "sources.title")),
  ];
}

function refusal(answer, widen) {
  const tips = [make("li", {}, say("refused.words")), make("li", {}, say("refused.documents"))];
  if (widen) {
    tips.push(make("li", {}, make("button.link", { type: "button", onclick: widen }, say("refused.widen"))));
  }
  return [
    make(
      "div.refusal",
      {},
      make("div.refusal-mark", {}, icon("question")),
      make(
        "div",
        {},
        make("p.strong", {}, say("refused.title")),
        make("p", {}, say("refused.text")),
        make("ul", {}, tips),
      ),
    ),
    remarks(answer),
    sourceList(answer, say("sources.nearest")),
  ];
}

/** One line on how well the answer stands on the documents. */
function verdict(answer) {
  const [kind, mark, text] = judged(answer);
  return make(`p.verdict.${kind}`, {}, icon(mark), text);
}

function judged(answer) {
  if (answer.mode === "extractive") return ["plain", "book", say("verdict.extractive")];
  if (!answer.supported) return ["bad", "warning", say("verdict.unsupported")];
  const weak = answer.sentences?.filter((sentence) => !sentence.supported).length ?? 0;
  if (weak) return ["warn", "warning", say("verdict.partly", { count: weak })];
  return ["good", "check", say("verdict.supported")];
}

function remarks(answer) {
  const texts = [];
  if (answer.finish_reason === "length") texts.push(say("cut.length"));
  if (answer.finish_reason === "deadline") texts.push(say("cut.deadline"));
  if (answer.withheld) texts.push(say("withheld", { count: answer.withheld }));
  const dropped = answer.dropped_chunks?.length ?? 0;
  if (dropped) texts.push(say("dropped", { count: dropped }));
  return texts.map((text) => note("warn", make("p", {}, text)));
}

/** The buttons below an answer, and how long it took. */
export function answerFoot(question, answer, ...more) {
  const press = () => copy(plainText(question, answer));
  return make(
    "div.card-foot",
    {},
    make("button.plain", { type: "button", onclick: press }, icon("copy"), say("copy")),
    make("button.plain", { type: "button", onclick: (event) => printCard(event.target) }, icon("print"), say("print")),
    more,
    figures(answer),
  );
}

function printCard(button) {
  const card = button.closest(".card");
  card.classList.add("printed");
  document.body.classList.add("printing");
  addEventListener("afterprint", () => {
    card.classList.remove("printed");
    document.body.classList.remove("printing");
  }, { once: true });
  print();
}

/** Question, answer and sources, to be pasted elsewhere. */
function plainText(question, answer) {
  const sources = answer.citations.map(
    (citation, i) => `[${i + 1}] ${place(citation)}: “${citation.quote}”`,
  );
  const parts = [question, plainAnswer(answer)];
  if (sources.length) parts.push(`${say("sources.title")}\n${sources.join("\n")}`);
  return parts.join("\n\n");
}

const STEPS = {
  search: "time.search",
  retrieve: "time.search",
  retrieval: "time.search",
  prefill: "time.prefill",
  decode: "time.decode",
  generate: "time.decode",
  first_token: "time.first",
  total: "time.total",
};

function figures(answer) {
  const times = answer.timings_ms ?? {};
  if (times.total === undefined) return null;
  const order = Object.keys(STEPS);
  const names = Object.keys(times).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const rows = names.map((name) => [
    name in STEPS ? say(STEPS[name]) : name.replaceAll("_", " "),
    seconds(times[name]),
  ]);
  const tokens = answer.usage ?? {};
  if (tokens.prompt_tokens) rows.push([say("tokens.read"), number(tokens.prompt_tokens)]);
  if (tokens.reused_tokens) rows.push([say("tokens.reused"), number(tokens.reused_tokens)]);
  if (tokens.completion_tokens) rows.push([say("tokens.written"), number(tokens.completion_tokens)]);
  const list = rows.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value)));
  const summary = make("summary", {}, say("time.took", { time: seconds(times.total) }));
  return make("details.figures", {}, summary, make("dl", {}, list));
}
