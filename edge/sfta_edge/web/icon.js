// Line drawings of 24 by 24, in the colour of the text around them.

import { draw } from "./element.js";

const LINES = {
  ask: ["M4 5h16v11H11l-5 4v-4H4z"],
  history: ["M12 7v5l3.5 2", "M4 12a8 8 0 1 0 2.6-5.9L4 8.4", "M4 4v4.4h4.4"],
  documents: ["M6 3h8l4 4v14H6z", "M14 3v4h4", "M9 12h6M9 16h6"],
  admin: ["M4 8h8M18 8h2M4 16h2M12 16h8", "M15 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z", "M9 19a3 3 0 1 0 0-6 3 3 0 0 0 0 6z"],
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4.5 20a7.5 7.5 0 0 1 15 0"],
  close: ["M6 6l12 12M18 6L6 18"],
  left: ["M15 5l-7 7 7 7"],
  right: ["M9 5l7 7-7 7"],
  down: ["M6 9l6 6 6-6"],
  plus: ["M12 5v14M5 12h14"],
  minus: ["M5 12h14"],
  trash: ["M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13", "M10.5 11v5M13.5 11v5"],
  upload: ["M12 16V4M7 9l5-5 5 5", "M4 16v4h16v-4"],
  download: ["M12 4v12M7 11l5 5 5-5", "M4 16v4h16v-4"],
  replace: ["M5 9h12l-3-3M19 15H7l3 3"],
  copy: ["M9 9h11v11H9z", "M15 9V4H4v11h5"],
  print: ["M7 9V4h10v5M7 17H4V9h16v8h-3", "M7 14h10v6H7z"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  warning: ["M12 4L3 20h18z", "M12 10v4.5M12 17v.4"],
  info: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 11v5M12 8v.4"],
  question: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M9.6 9.6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.2.9-1.2 1.8M12 16.6v.4"],
  stop: ["M7 7h10v10H7z"],
  send: ["M12 19V5M6 11l6-6 6 6"],
  again: ["M20 12a8 8 0 1 1-2.6-5.9L20 8.4", "M20 4v4.4h-4.4"],
  lock: ["M6 11h12v9H6z", "M8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
  key: ["M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M12 12h9v3M17 12v3"],
  shield: ["M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.4-8-4.5-8-9V6z", "M8.5 12l2.5 2.5 4.5-4.5"],
  leave: ["M10 5H5v14h5M15 8l4 4-4 4M19 12H9"],
  text: ["M5 6h14M5 10h14M5 14h14M5 18h8"],
  edit: ["M5 19l1-4L16 5l3 3L9 18z"],
  device: ["M5 5h14v9H5z", "M5 18h14M9 14v4M15 14v4"],
  book: ["M12 6c-2-1.4-4.6-2-8-2v14c3.4 0 6 .6 8 2 2-1.4 4.6-2 8-2V4c-3.4 0-6 .6-8 2zM12 6v14"],
};

/** A drawing that says nothing to a screen reader: the text beside it does. */
export function icon(name) {
  const lines = LINES[name].map((d) => draw("path", { d }));
  return draw("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, ...lines);
}
