// Builds elements. Strings become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "indeterminate", "max"]);

/** An element from "tag.class.class", its attributes and listeners, and what it holds. */
export function make(description, attributes = {}, ...children) {
  const [tag, ...classes] = description.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** The same for a drawing. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined) return;
  if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false) element.setAttribute(name, value);
}

/** Put something else into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null));
}

export function find(selector, root = document) {
  return root.querySelector(selector);
}

let last = 0;

/** An id that no other element has. */
export function newId(name) {
  last += 1;
  return `${name}-${last}`;
}
