// Making elements, and numbers as text. Text is only ever set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

// An element of HTML with attributes, listeners ("on...": function) and children.
function element(tag, attributes = {}, ...children) {
  return complete(document.createElement(tag), attributes, children);
}

// The same for SVG.
function shape(tag, attributes = {}, ...children) {
  return complete(document.createElementNS(SVG, tag), attributes, children);
}

function complete(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== false));
  return made;
}

const byId = (id) => document.getElementById(id);

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// A share with three decimals, or a dash where there is nothing to measure.
const share = (value, digits = 3) => (isNumber(value) ? value.toFixed(digits) : "–");

const percent = (value) => (isNumber(value) ? `${Math.round(100 * value)} %` : "–");

const count = (value) => (isNumber(value) ? value.toLocaleString("en") : "–");

function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

// A table; cells are texts or elements, the first of a row is its heading.
function table(header, rows, { caption, className = "" } = {}) {
  const [first, ...others] = header;
  return element("table", { class: className },
    caption ? element("caption", { class: "unseen" }, caption) : null,
    element("thead", {}, element("tr", {},
      element("th", { scope: "col" }, first),
      others.map((text) => element("th", { scope: "col", class: "number" }, text)))),
    element("tbody", {}, rows.map(([name, ...cells]) => element("tr", {},
      element("th", { scope: "row" }, name),
      cells.map((cell) => element("td", { class: "number" }, cell))))));
}

// A part of the page with a heading; wide ones take both columns.
function panel(id, title, note, content, { wide = false } = {}) {
  return element("section", { id, class: wide ? "panel wide" : "panel", "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title),
    note ? element("p", { class: "muted" }, note) : null,
    content);
}

const nothing = (text) => element("p", { class: "empty" }, text);
