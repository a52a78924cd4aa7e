// One page as the device has it: its picture with the quote marked on it, or, where there is no
// picture, its lines drawn where they stand.

import { path } from "./api.js";
import { draw, make } from "./element.js";
import { say } from "./language.js";

/** Pictures are asked for in the widths in which the device draws them; the last is the widest. */
const WIDTHS = [640, 960, 1280, 1920];

/** The page with boxes marked, in points of the page. */
export function drawSheet(page, boxes, title) {
  const sheet = make("div.sheet");
  sheet.style.setProperty("--ratio", `${page.width} / ${page.height}`);
  const alt = say("sheet.alt", { title: title ?? "", number: page.number });
  const picture = make("img", { alt, onerror: () => picture.replaceWith(linesOf(page, alt)) });
  sheet.dataset.source = path`v1/documents/${page.id}/pages/${page.number}/image`;
  sheet.append(picture, marks(page, boxes));
  return sheet;
}

/** Draw the sheet this many times as wide as there is room, from a picture sharp enough for it. */
export function resizeSheet(body, zoom) {
  const sheet = body.querySelector(".sheet");
  if (!sheet) return;
  sheet.style.setProperty("--zoom", String(zoom));
  const picture = sheet.querySelector("img");
  const points = sheet.getBoundingClientRect().width * devicePixelRatio;
  const width = WIDTHS.find((enough) => enough >= points) ?? WIDTHS.at(-1);
  if (!picture || width <= Number(sheet.dataset.width ?? 0)) return;
  sheet.dataset.width = String(width);
  picture.src = `${sheet.dataset.source}?width=${width}`;
}

function marks(page, boxes) {
  const shapes = boxes.map(({ x0, y0, x1, y1 }) =>
    draw("rect", { class: "quote-box", x: x0 - 1, y: y0 - 1, width: x1 - x0 + 2, height: y1 - y0 + 2, rx: 2 }),
  );
  const view = boxes[0] ?? { page_width: page.width, page_height: page.height };
  const viewBox = `0 0 ${view.page_width} ${view.page_height}`;
  const attributes = { class: "marks", viewBox, preserveAspectRatio: "none", "aria-hidden": "true" };
  return draw("svg", attributes, ...shapes);
}

function linesOf(page, label) {
  const characters = Array.from(page.text);
  const lines = page.lines.map(([start, end, x0, y0, x1, y1]) => {
    const line = draw("text", {
      x: x0,
      // The baseline lies about a fifth of the height above the lower edge.
      y: y1 - (y1 - y0) * 0.22,
      "font-size": (y1 - y0) * 0.8,
      textLength: Math.max(x1 - x0, 1),
      lengthAdjust: "spacingAndGlyphs",
    });
    line.textContent = characters.slice(start, end).join("").trim();
    return line;
  });
  const viewBox = `0 0 ${page.width} ${page.height}`;
  return draw("svg", { class: "drawn", viewBox, role: "img", "aria-label": label }, ...lines);
}

/** The page as text to be read out, enlarged or copied; the quote marked where it is found. */
export function pageText(page, quote) {
  const at = quote ? page.text.indexOf(quote) : -1;
  const parts = at < 0
    ? [page.text]
    : [page.text.slice(0, at), make("mark", {}, quote), page.text.slice(at + quote.length)];
  const box = make("div.page-text", {}, ...parts);
  return page.text.trim() ? box : make("p.quiet", {}, say("sheet.empty"));
}
