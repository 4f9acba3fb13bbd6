// The gallery: pictures that match the filters, in the chosen order, drawn when near.

let shown = []; // the images that match, in order
const cards = new Map(); // image id -> its button

const nearby = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    nearby.unobserve(entry.target);
    fillCard(entry.target);
  }
}, { rootMargin: "800px 0px" });

function drawGallery() {
  const wanted = data.images.map((image) => ({ image, errors: errorsOf(image) })).filter(matches);
  shown = sorted(wanted).map(({ image }) => image);
  const gallery = byId("gallery");
  nearby.disconnect();
  cards.clear();
  gallery.dataset.shown = shown.length;
  gallery.className = isEvaluation ? "pairs" : "";
  gallery.replaceChildren(...shown.map((image) => {
    const card = element("button", { type: "button", class: "card", "data-image": image.id,
      "aria-label": `${image.name}. ${describe(image)} Enlarge`, onclick: () => change({ image: String(image.id) }) },
    element("span", { class: "panes" }), element("span", { class: "about" }));
    cards.set(String(image.id), card);
    nearby.observe(card);
    return element("li", {}, card);
  }));
  showCount();
  showKindCounts();
}

function fillCard(card) {
  const image = shown.find((one) => String(one.id) === card.dataset.image);
  if (!image) return;
  const sides = isEvaluation ? ["gt", "found"] : ["found"];
  card.firstChild.replaceChildren(...sides.map((side) => pane(image, side)));
  const counts = countKinds(errorsOf(image));
  const chips = Object.keys(KINDS).filter((kind) => counts[kind]).map((kind) =>
    element("span", { class: "key" }, swatch(kind), `${counts[kind]} ${kind}`));
  if (!isEvaluation) chips.push(element("span", { class: "key" }, counted(image.found.filter(isShown).length, "detection")));
  else if (!chips.length) chips.push(element("span", { class: "key" }, swatch(RIGHT), "no error"));
  card.lastChild.replaceChildren(
    element("span", { class: "name" }, image.name,
      isEvaluation ? element("small", { title: "cost: 1 minus the score of each instance’s detection, plus the scores of false ones" }, `cost ${share(image.cost, 2)}`) : null),
    element("span", { class: "chips" }, chips));
}

function describe(image) {
  if (!isEvaluation) return `${counted(image.found.filter(isShown).length, "detection")}.`;
  const counts = countKinds(errorsOf(image));
  const parts = Object.keys(KINDS).filter((kind) => counts[kind]).map((kind) => `${counts[kind]} ${kind}`);
  return `${parts.join(", ") || "no error"}.`;
}

function matches({ image, errors }) {
  const wanted = state.class ? data.class_names.indexOf(state.class, 1) : null;
  if (state.kind) {
    return errors.some(({ kind, classes }) =>
      (state.kind === "any" || kind === state.kind) && (wanted === null || classes.includes(wanted)));
  }
  if (wanted === null) return true;
  return image.found.some((one) => one.class === wanted && isShown(one)) || (image.gt ?? []).some((gt) => gt.class === wanted);
}

function sorted(wanted) {
  const visible = ({ image }) => image.found.filter(isShown);
  const keys = {
    worst: null, given: null,
    best: ({ image }) => image.cost,
    most: (one) => -visible(one).length,
    unsure: (one) => (visible(one).length ? Math.min(...visible(one).map((found) => found.score ?? 0)) : 2),
  };
  if (state.sort === "name") {
    return [...wanted].sort((a, b) => a.image.name.localeCompare(b.image.name, undefined, { numeric: true }));
  }
  const key = keys[state.sort];
  if (!key) return wanted; // as they come
  const keyed = wanted.map((one) => [key(one), one]);
  return keyed.sort((a, b) => a[0] - b[0]).map(([, one]) => one);
}

function showCount() {
  const status = byId("gallery-count");
  if (!data.images.length) {
    status.replaceChildren(nothing("There are no pictures."));
  } else if (!shown.length) {
    status.replaceChildren(element("span", { class: "empty" }, "No picture matches. ",
      element("button", { type: "button", class: "link", onclick: clearFilters }, "Show all pictures")));
  } else {
    status.textContent = shown.length === data.images.length
      ? counted(shown.length, "picture") : `${count(shown.length)} of ${counted(data.images.length, "picture")}`;
  }
}

// --- Filters ---------------------------------------------------------------------

const clearFilters = () => change({ class: "", kind: "", score: 0 });

function drawFilters() {
  if (!data.images.length) return byId("filters").remove();
  const seen = new Set(data.images.flatMap((image) => [...image.found, ...(image.gt ?? [])].map((one) => one.class)));
  const names = [...seen].sort((a, b) => a - b).map(className);
  const options = (entries) => entries.map(([value, text]) => element("option", { value }, text));
  complete(byId("filters"), {}, [
    field("class", element("select", { id: "filter-class", onchange: (event) => change({ class: event.target.value }) },
      options([["", "all classes"], ...[...new Set(names)].map((name) => [name, name])]))),
    field("order", element("select", { id: "filter-sort", onchange: (event) => change({ sort: event.target.value }) },
      options(Object.entries(ORDERS)))),
    field("scores from", element("span", { class: "range" },
      element("input", { id: "filter-score", type: "range", min: 0, max: 1, step: 0.01, oninput: (event) => change({ score: Number(event.target.value) }) }),
      element("output", { id: "filter-score-value", for: "filter-score" })), "filter-score"),
    element("div", { class: "tools" }, toggles(["masks", "boxes"])),
    isEvaluation ? element("div", { class: "kinds", role: "group", "aria-label": "Kind of error" },
      ["", "any", ...Object.keys(KINDS)].map((kind) => element("button",
        { type: "button", class: "chip", "data-kind": kind, title: KINDS[kind], onclick: () => change({ kind }) },
        kind in KINDS ? swatch(kind) : null, { "": "all pictures", any: "any error" }[kind] ?? kind,
        kind ? element("small") : null))) : null,
  ]);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  showFilters();
}

function field(name, input, id = input.id) {
  return element("div", { class: "field" }, element("label", { for: id }, name), input);
}

function showFilters() {
  if (!data.images.length) return;
  byId("filter-class").value = state.class;
  byId("filter-sort").value = state.sort;
  byId("filter-score").value = state.score;
  byId("filter-score-value").textContent = share(Number(state.score), 2);
  for (const chip of document.querySelectorAll("[data-kind]")) {
    chip.setAttribute("aria-pressed", String(chip.dataset.kind === state.kind));
  }
}

// How many errors of each kind there are, of the class and the scores that are shown.
function showKindCounts() {
  if (!isEvaluation) return;
  const wanted = state.class ? data.class_names.indexOf(state.class, 1) : null;
  const errors = data.images.flatMap(errorsOf).filter(({ classes }) => wanted === null || classes.includes(wanted));
  const counts = { ...countKinds(errors), any: errors.length };
  for (const chip of document.querySelectorAll("[data-kind]")) {
    if (chip.dataset.kind) chip.querySelector("small").textContent = count(counts[chip.dataset.kind]);
  }
}

// Buttons that switch parts of all drawings on and off.
function toggles(parts) {
  return parts.map((part) => element("button",
    { type: "button", class: "chip toggle", "data-toggle": part, title: `${part} on and off (${part[0]})`, onclick: () => change({ [part]: !state[part] }) }, part));
}

function showToggles() {
  for (const part of ["masks", "boxes", "labels"]) {
    document.body.classList.toggle(`no-${part}`, !state[part]);
    for (const button of document.querySelectorAll(`[data-toggle=${part}]`)) button.setAttribute("aria-pressed", String(state[part]));
  }
}

// From a number on the page to the pictures behind it.
function showPictures(changes) {
  change({ class: "", kind: "", ...changes });
  byId("pictures").scrollIntoView();
  byId("gallery").focus({ preventScroll: true });
}
