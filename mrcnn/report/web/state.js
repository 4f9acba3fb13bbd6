// What the page shows, kept in its address so that a view can be linked to:
// index.html#class=cat&kind=missed&score=0.5&sort=worst&image=7&masks=0

const data = JSON.parse(byId("data").textContent);
const isEvaluation = data.kind === "evaluation";

// Kinds of errors in the order of their chips, and what they mean.
const KINDS = {
  missed: "an instance that nothing found",
  misplaced: "of the right class, but overlaps its instance by less than 0.5",
  misclassified: "overlaps an instance of another class",
  duplicate: "a second detection of an instance",
  background: "overlaps no instance",
  both: "of another class and misplaced",
};
const RIGHT = "right";
const CROWD = "crowd";

const ORDERS = isEvaluation
  ? { worst: "worst first", best: "best first", name: "by name", most: "most detections" }
  : { given: "as given", most: "most detections", unsure: "least sure", name: "by name" };

const DEFAULTS = {
  class: "", // a class name; "" for all
  kind: "", // of KINDS, "any" or ""
  score: isEvaluation ? data.score_threshold : 0,
  sort: Object.keys(ORDERS)[0],
  image: "", // id of the enlarged picture
  masks: true,
  boxes: true,
  labels: true,
};

const state = { ...DEFAULTS, ...readAddress() };
const watchers = [];

// Changes what is shown; every part of the page that watches is told what changed.
function change(changes) {
  const changed = Object.keys(changes).filter((key) => state[key] !== changes[key]);
  if (!changed.length) return;
  Object.assign(state, changes);
  writeAddress();
  for (const watcher of watchers) watcher(changed);
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const read = {};
  for (const [key, standard] of Object.entries(DEFAULTS)) {
    if (!given.has(key)) continue;
    const text = given.get(key);
    if (typeof standard === "boolean") read[key] = text !== "0";
    else if (typeof standard === "number") read[key] = Math.min(Math.max(Number(text) || 0, 0), 1);
    else read[key] = text;
  }
  if (read.sort && !(read.sort in ORDERS)) delete read.sort;
  return read;
}

function writeAddress() {
  const shown = new URLSearchParams();
  for (const [key, standard] of Object.entries(DEFAULTS)) {
    const value = state[key];
    if (value !== standard) shown.set(key, typeof value === "boolean" ? Number(value) : value);
  }
  const text = shown.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

window.addEventListener("hashchange", () => {
  // Links to a part of the page are no state.
  if (location.hash.includes("=") || !location.hash) change({ ...DEFAULTS, ...readAddress() });
});

const className = (id) => data.class_names[id] ?? `class ${id}`;

// A colour for each class, neighbours far apart.
const classColor = (id) => `hsl(${Math.round((0.58 + id * 0.618034) * 360) % 360} 80% ${id % 2 ? 52 : 62}%)`;
