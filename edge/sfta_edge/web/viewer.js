// A page of a document beside the answer, or over the whole screen of a phone, with the quote
// marked on it.

import { call, path } from "./api.js";
import { fill, find, make } from "./element.js";
import { icon } from "./icon.js";
import { say } from "./language.js";
import { announce, problemNote } from "./notice.js";
import { drawSheet, pageText, resizeSheet } from "./sheet.js";

const ZOOMS = [1, 1.25, 1.5, 2, 3, 4];
const WIDE = matchMedia("(min-width: 62rem)");
let viewer = null;

/** Open {id, title, page, boxes, quote}; when it closes, the focus returns to `opener`. */
export function openViewer(target, opener) {
  closeViewer();
  viewer = new Viewer(target, opener);
  viewer.open();
}

export function closeViewer() {
  viewer?.close();
}

class Viewer {
  #zoom = 0;
  #pages = 1;
  #asText = false;
  #shown = null;
  #pushed = false;

  constructor(target, opener) {
    this.target = target;
    this.opener = opener;
    this.page = target.page;
    this.body = make("div.viewer-body", { tabindex: "0", role: "group", "aria-label": say("viewer.page") });
    this.dialog = make("dialog.viewer", { "aria-labelledby": "viewer-title" }, this.#head(), this.#tools(), this.body);
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    this.back = () => this.#end();
    this.escaped = (event) => this.#escape(event);
    this.turned = () => this.#place();
  }

  open() {
    document.body.append(this.dialog);
    this.#place();
    WIDE.addEventListener("change", this.turned);
    document.addEventListener("keydown", this.escaped);
    find(".viewer-close", this.dialog).focus();
    this.#load();
  }

  close() {
    // Over the whole screen it has a step of its own in the history, so that "back" closes it.
    if (this.#pushed) history.back();
    this.#end();
  }

  #end() {
    removeEventListener("popstate", this.back);
    WIDE.removeEventListener("change", this.turned);
    document.removeEventListener("keydown", this.escaped);
    this.dialog.close();
    this.dialog.remove();
    document.body.classList.remove("beside");
    if (viewer === this) viewer = null;
    if (this.opener?.isConnected) this.opener.focus({ preventScroll: WIDE.matches });
  }

  /** Beside the page where there is room, else over it. */
  #place() {
    if (this.dialog.open) this.dialog.close();
    document.body.classList.toggle("beside", WIDE.matches);
    if (WIDE.matches) return this.dialog.show();
    this.dialog.showModal();
    if (this.#pushed) return undefined;
    history.pushState({ viewer: true }, "");
    this.#pushed = true;
    addEventListener("popstate", this.back, { once: true });
    return undefined;
  }

  #head() {
    const close = this.#button("close", say("viewer.close"), () => this.close(), "viewer-close");
    const title = make("h2", { id: "viewer-title" }, this.target.title ?? say("source.unknown"));
    return make("div.viewer-head", {}, title, close);
  }

  #tools() {
    const count = make("span.viewer-count", { "aria-live": "polite" });
    const toggle = this.#button("text", say("viewer.text"), () => this.#flip(), "viewer-text");
    toggle.setAttribute("aria-pressed", "false");
    return make(
      "div.viewer-tools",
      { role: "group", "aria-label": say("viewer.tools") },
      this.#button("left", say("viewer.before"), () => this.#turn(-1), "viewer-before"),
      count,
      this.#button("right", say("viewer.next"), () => this.#turn(1), "viewer-next"),
      make("span.gap"),
      this.#button("minus", say("viewer.smaller"), () => this.#scale(-1), "viewer-smaller"),
      this.#button("plus", say("viewer.larger"), () => this.#scale(1), "viewer-larger"),
      toggle,
    );
  }

  #button(name, label, act, kind) {
    const attributes = { type: "button", "aria-label": label, title: label, onclick: act };
    return make(`button.icon-button.${kind}`, attributes, icon(name));
  }

  async #load() {
    const page = this.page;
    this.body.setAttribute("aria-busy", "true");
    try {
      const found = await call("GET", path`v1/documents/${this.target.id}/pages/${page}`);
      if (page !== this.page || !this.dialog.isConnected) return;
      this.#shown = found;
      this.#pages = found.pages;
      this.#draw();
      announce(say("viewer.said", { number: page, pages: found.pages }));
    } catch (problem) {
      if (this.dialog.isConnected) fill(this.body, problemNote(problem));
    } finally {
      this.body.removeAttribute("aria-busy");
      this.#settle();
    }
  }

  #draw() {
    const boxes = this.target.boxes.filter((box) => box.page === this.page);
    const quote = this.page === this.target.page ? this.target.quote : "";
    const page = { ...this.#shown, id: this.target.id };
    const textOnly = this.#asText || !page.width || !page.height;
    fill(this.body, textOnly ? pageText(page, quote) : drawSheet(page, boxes, this.target.title));
    this.#scale(0);
    const mark = find(".quote-box, mark", this.body);
    if (mark) mark.scrollIntoView({ block: "center", inline: "nearest" });
    else this.body.scrollTo(0, 0);
  }

  #settle() {
    const set = (name, disabled) => (find(name, this.dialog).disabled = disabled);
    const here = { number: this.page, pages: this.#pages };
    find(".viewer-count", this.dialog).textContent = say("viewer.count", here);
    set(".viewer-before", this.page <= 1);
    set(".viewer-next", this.page >= this.#pages);
    set(".viewer-smaller", this.#zoom === 0 || this.#asText);
    set(".viewer-larger", this.#zoom === ZOOMS.length - 1 || this.#asText);
  }

  #turn(step) {
    const page = this.page + step;
    if (page < 1 || page > this.#pages) return;
    this.page = page;
    this.#settle();
    this.#load();
  }

  #scale(step) {
    this.#zoom = Math.min(Math.max(this.#zoom + step, 0), ZOOMS.length - 1);
    resizeSheet(this.body, ZOOMS[this.#zoom]);
    this.#settle();
  }

  #flip() {
    this.#asText = !this.#asText;
    find(".viewer-text", this.dialog).setAttribute("aria-pressed", String(this.#asText));
    if (this.#shown) this.#draw();
  }

  /** Escape closes the page from anywhere, unless it has something nearer to close. */
  #escape(event) {
    const nearer = event.defaultPrevented || find(":popover-open, .dialog:modal");
    if (event.key === "Escape" && !nearer) this.close();
  }

  #key(event) {
    const acts = {
      ArrowLeft: () => this.#turn(-1),
      ArrowRight: () => this.#turn(1),
      PageUp: () => this.#turn(-1),
      PageDown: () => this.#turn(1),
      "+": () => this.#scale(1),
      "-": () => this.#scale(-1),
      0: () => this.#scale(-ZOOMS.length),
    };
    const sideways = event.key.startsWith("Arrow") && this.#zoom > 0;
    if (!(event.key in acts) || event.ctrlKey || event.altKey || event.metaKey || sideways) return;
    event.preventDefault();
    acts[event.key]();
  }
}
