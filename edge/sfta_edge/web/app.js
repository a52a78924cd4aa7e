// The page: sends a question to /v1/ask and shows the answer as it is written.
// Text from models and documents is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const find = (name, root = document) => root.querySelector(name);
const form = find("#ask");
const field = find("#question");
const send = find("#send");
const stop = find("#stop");
const status = find("#status");
const answers = find("#answers");
let running = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = field.value.trim();
  if (question && !running) ask(question);
});

field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

stop.addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});

async function ask(question) {
  running = new AbortController();
  setBusy(true);
  const card = newCard(question);
  try {
    const response = await fetch("v1/ask", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ question, stream: true }),
      signal: running.signal,
    });
    if (!response.ok) throw new Problem(await response.json().catch(() => ({})));
    await readEvents(response.body, (name, data) => showEvent(card, name, data));
    if (card.dataset.state === "growing") throw new Problem({ detail: "The answer broke off." });
    status.textContent = "Answered.";
    field.value = "";
  } catch (error) {
    showError(card, error);
  } finally {
    running = null;
    setBusy(false);
    field.focus();
  }
}

class Problem extends Error {
  constructor(document) {
    super([document.detail || "The device did not answer.", document.hint].filter(Boolean).join(" "));
  }
}

async function readEvents(body, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (data) take(name, JSON.parse(data));
    }
  }
}

function showEvent(card, name, data) {
  if (name === "text") {
    find(".text", card).textContent += data.text;
  } else if (name === "answer") {
    showAnswer(card, data);
  } else if (name === "error") {
    throw new Problem(data);
  }
}

function newCard(question) {
  const card = find("#answer").content.cloneNode(true).firstElementChild;
  find("h2", card).textContent = question;
  find(".text", card).classList.add("growing");
  card.dataset.state = "growing";
  card.setAttribute("aria-busy", "true");
  answers.prepend(card);
  return card;
}

function settle(card, state) {
  card.dataset.state = state;
  card.removeAttribute("aria-busy");
  find(".text", card).classList.remove("growing");
}

function showAnswer(card, data) {
  settle(card, data.refused ? "refused" : "answered");
  find(".text", card).textContent = data.answer;
  if (!data.refused && !data.supported) {
    flag(card, "No quote of this answer was found in the documents. Do not rely on it.");
  } else if (data.finish_reason === "length" || data.finish_reason === "deadline") {
    flag(card, "The answer was cut off.");
  }
  const list = find("ol", card);
  for (const citation of data.citations) list.append(newCitation(citation));
  find(".sources", card).hidden = data.citations.length === 0;
  const seconds = (data.timings_ms.total / 1000).toFixed(1);
  const tokens = data.usage.completion_tokens;
  find(".figures", card).textContent = tokens ? `${seconds} s, ${tokens} tokens` : `${seconds} s`;
}

function newCitation(citation) {
  const item = find("#citation").content.cloneNode(true).firstElementChild;
  find(".title", item).textContent = citation.title || citation.document || "Unknown document";
  find(".page", item).textContent = citation.page ? `, page ${citation.page}` : "";
  find(".file", item).textContent = citation.title ? citation.document : "";
  find("blockquote", item).textContent = citation.quote;
  if (!citation.verified) {
    item.classList.add("unverified");
    const note = find(".note", item);
    note.textContent = "This quote does not stand in the documents.";
    note.hidden = false;
  }
  if (citation.boxes.length) {
    drawPage(find("svg", item), citation);
    find("details", item).hidden = false;
  }
  return item;
}

function drawPage(svg, citation) {
  const { page_width: width, page_height: height } = citation.boxes[0];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-label", `Place of the quote on page ${citation.page}`);
  svg.append(shape("sheet", 0, 0, width, height));
  for (const box of citation.boxes) {
    svg.append(shape("box", box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0));
  }
}

function shape(name, x, y, width, height) {
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("class", name);
  for (const [key, value] of Object.entries({ x, y, width, height })) rect.setAttribute(key, value);
  return rect;
}

function flag(card, text) {
  const line = find(".flag", card);
  line.textContent = text;
  line.hidden = false;
}

function showError(card, error) {
  settle(card, "failed");
  const stopped = error.name === "AbortError";
  flag(card, stopped ? "Stopped." : error.message);
  status.textContent = stopped ? "Stopped." : "No answer.";
}

function setBusy(busy) {
  send.disabled = busy;
  stop.hidden = !busy;
  if (busy) status.textContent = "Searching and reading…";
}

fetch("v1/models")
  .then((response) => response.json())
  .then(({ data: [model] }) => {
    find("#bundle").textContent = `${model.bundle.name}, version ${model.bundle.counter}`;
  })
  .catch(() => {
    status.textContent = "The device does not answer.";
  });
