// The numbers: headline, COCO's twelve, every class, sizes, errors, confusion.

const KIND_NAMES = { masks: "mask", boxes: "box" };
const numberKinds = () => ["masks", "boxes"].filter((kind) => data.coco[kind]);

function drawHeadline() {
  const figures = isEvaluation ? evaluationFigures() : detectionFigures();
  byId("headline").append(element("dl", {}, figures.map(([value, name, hint]) =>
    element("div", {}, element("dt", {}, name, hint ? element("small", {}, hint) : null), element("dd", {}, value)))));
}

function evaluationFigures() {
  const { coco, hits } = data;
  const at = `at score ${data.score_threshold}, IoU ${data.iou_threshold}`;
  const best = coco.masks ?? coco.boxes;
  const kind = coco.masks ? "mask" : "box";
  const figures = [
    [share(best.AP), `${kind} AP`, "mean of IoU 0.5 to 0.95"],
    [share(best.AP50), `${kind} AP50`, "at IoU 0.5"],
  ];
  if (coco.masks) figures.push([share(coco.boxes.AP), "box AP", "mean of IoU 0.5 to 0.95"]);
  figures.push(
    [share(hits.precision), "precision", at],
    [share(hits.recall), "recall", at],
    [share(hits.f1), "F1", at],
  );
  return figures;
}

function detectionFigures() {
  const perImage = data.num_images ? data.num_detections / data.num_images : null;
  const seen = data.per_class.filter((entry) => entry.num_detections).length;
  return [
    [count(data.num_images), "images"],
    [count(data.num_detections), "detections"],
    [share(perImage, 1), "per image"],
    [`${seen} of ${data.per_class.length}`, "classes found"],
  ];
}

function cocoPanel() {
  const kinds = numberKinds();
  const names = Object.keys(data.coco.boxes);
  const block = (chosen) => table(
    ["", ...kinds.map((kind) => KIND_NAMES[kind])],
    chosen.map((name) => [readable(name), ...kinds.map((kind) => share(data.coco[kind][name]))]),
    { caption: "COCO's numbers" });
  return panel("coco", "COCO’s numbers", "Computed by pycocotools. A dash: no such instance.", [
    element("div", { class: "pair" }, block(names.slice(0, 6)), block(names.slice(6))), sizesChart()]);
}

const readable = (name) => name.replace("_", " ").replace(/^AR(\d+)$/, "AR, best $1");

function classesPanel() {
  if (!isEvaluation) return detectedClassesPanel();
  const kinds = numberKinds();
  const columns = [
    ["class", (entry) => entry.class_name],
    ["instances", (entry) => entry.num_gt],
    ["detections", (entry) => entry.num_detections],
    ...kinds.flatMap((kind) => ["AP", "AP50", "AP75", "AR"].map((name) =>
      [`${KIND_NAMES[kind]} ${name}`, (entry) => entry[kind][name]])),
    ...["precision", "recall", "f1"].map((name) => [name === "f1" ? "F1" : name, (entry) => entry.hits[name]]),
  ];
  const note = `Precision, recall and F1 at score ${data.score_threshold} and IoU ${data.iou_threshold}. A class’s name leads to its pictures.`;
  return panel("classes", "Classes", note, sortableTable(columns, data.coco.per_class), { wide: true });
}

function detectedClassesPanel() {
  const columns = [
    ["class", (entry) => entry.class_name],
    ["detections", (entry) => entry.num_detections],
    ["images", (entry) => entry.num_images],
    ["mean score", (entry) => entry.mean_score],
  ];
  return panel("classes", "Classes", "A class’s name leads to its pictures.", sortableTable(columns, data.per_class));
}

// A table of classes whose headings sort it; whole numbers are counts, others shares.
function sortableTable(columns, entries) {
  if (!entries.length) return nothing("There are no classes.");
  const isCount = (name) => ["instances", "detections", "images"].includes(name);
  const body = element("tbody");
  const headings = columns.map(([name, value], index) => element("th",
    { scope: "col", class: index ? "number" : "", "aria-sort": "none" },
    element("button", { type: "button", class: "plain", onclick: () => sort(index) }, name)));

  function fill(sorted) {
    body.replaceChildren(...sorted.map((entry) => element("tr", {}, columns.map(([name, value], index) => index
      ? element("td", { class: "number" }, (isCount(name) ? count : share)(value(entry)))
      : element("th", { scope: "row" }, element("button",
        { type: "button", class: "link", onclick: () => showPictures({ class: entry.class_name }) }, value(entry)))))));
  }

  function sort(index) {
    const rises = headings[index].getAttribute("aria-sort") === "descending" || (!index && headings[0].getAttribute("aria-sort") !== "ascending");
    headings.forEach((heading) => heading.setAttribute("aria-sort", "none"));
    headings[index].setAttribute("aria-sort", rises ? "ascending" : "descending");
    const value = columns[index][1];
    fill([...entries].sort((a, b) => (rises ? 1 : -1) * compare(value(a), value(b), rises)));
  }

  fill(entries);
  return element("div", { class: "scroll tall", tabindex: 0 }, element("table", {},
    element("thead", {}, element("tr", {}, headings)), body));
}

// Texts by the alphabet, numbers by size; what was not measured comes last.
function compare(a, b, rises) {
  if (typeof a === "string") return a.localeCompare(b);
  const missing = rises ? Infinity : -Infinity;
  const [first, second] = [a ?? missing, b ?? missing];
  return first === second ? 0 : first - second;
}

function errorsPanel() {
  const { counts, costs } = data.errors;
  const most = Math.max(...Object.values(counts), 1);
  const rows = Object.keys(KINDS).map((kind) => element("tr", {},
    element("th", { scope: "row" },
      element("button", { type: "button", class: "link", onclick: () => showPictures({ kind, score: 0 }) },
        swatch(kind), kind),
      element("small", {}, KINDS[kind])),
    element("td", { class: "number" }, count(counts[kind])),
    element("td", { class: "bar", "aria-hidden": "true" },
      counts[kind] > 0 && element("span", { style: `width:${100 * counts[kind] / most}%; background:var(--${kind})` })),
    element("td", { class: "number" }, share(costs[kind]))));
  const header = ["kind", "count", "", "AP50 it costs"].map((text, index) =>
    element("th", { scope: "col", class: index ? "number" : "" }, text));
  const note = `Each false detection and each missed instance is of one kind, at IoU 0.5 and all scores. What a kind costs: the AP50 that mending it alone would gain. All false detections cost ${share(data.errors.false_detection_cost)}, all instances not found ${share(data.errors.missed_instance_cost)}.`;
  return panel("errors", "Errors", note, element("div", { class: "scroll", tabindex: 0 },
    element("table", { class: "errors" }, element("thead", {}, element("tr", {}, header)), element("tbody", {}, rows))));
}

// Beyond so many, charts of classes take a page's width and single ones lose their colour.
const hasManyClasses = () => data.class_names.length > 11;

const swatch = (kind) => element("span", { class: "swatch", style: `background:var(--${kind})`, "aria-hidden": "true" });

function confusionPanel() {
  const names = data.class_names.map((name, id) => (id ? name : "background"));
  // The background comes last: as row, what was invented; as column, what was missed.
  const isSeen = (id) => data.confusion[id].some(Boolean) || data.confusion.some((row) => row[id]);
  const order = [...names.keys()].slice(1).filter(isSeen).concat(0);
  const isDense = order.length > 11;
  const cells = order.flatMap((row) => order.map((column) => data.confusion[row][column]));
  const most = Math.max(...cells, 1);
  const header = order.map((id) => element("th", { scope: "col", class: "turned" }, element("span", {}, id ? names[id] : "missed")));
  const rows = order.map((row) => element("tr", {},
    element("th", { scope: "row" }, row ? names[row] : "nothing"),
    order.map((column) => confusionCell(row, column, names, most))));
  const note = `At score ${data.score_threshold} and IoU ${data.iou_threshold}. Rows: what there is; columns: what was detected.${order.length < names.length ? " Classes of which there is neither are left out." : ""}`;
  if (order.length < 2) return panel("confusion", "Confusion", note, nothing("There is nothing to find, and nothing was detected."), { wide: hasManyClasses() });
  const matrix = element("table", { class: isDense ? "confusion dense" : "confusion" },
    element("thead", {}, element("tr", {}, element("td"), header)), element("tbody", {}, rows));
  return panel("confusion", "Confusion", note, [
    element("div", { class: "scroll tall", tabindex: 0 }, matrix), confusions(names)], { wide: isDense || hasManyClasses() });
}

function confusionCell(row, column, names, most) {
  const number = data.confusion[row][column];
  const isRight = row === column;
  const strength = number ? 0.12 + 0.88 * Math.sqrt(number / most) : 0;
  const color = isRight ? "var(--right)" : "var(--background)";
  const title = `${row ? names[row] : "nothing"} detected as ${column ? names[column] : "nothing (missed)"}: ${number}`;
  return element("td", {
    title, class: strength > 0.6 ? "strong" : "",
    style: number ? `background:color-mix(in srgb, ${color} ${Math.round(100 * strength)}%, transparent)` : "",
  }, number || "");
}

function confusions(names) {
  const found = [];
  data.confusion.forEach((row, truth) => row.forEach((number, detected) => {
    if (truth && detected && truth !== detected && number) found.push([number, truth, detected]);
  }));
  found.sort((a, b) => b[0] - a[0]);
  if (!found.length) return element("p", { class: "muted" }, "No class was taken for another.");
  return element("p", { class: "muted" }, "Most often: ", found.slice(0, 5).map(([number, truth, detected]) =>
    `${names[truth]} as ${names[detected]} (${number})`).join(", "), ".");
}
