// One picture enlarged, with a list of its instances, over the page.

const viewer = byId("viewer");

function drawViewerTools() {
  const button = (text, label, onclick) => element("button", { type: "button", class: "plain", "aria-label": label, title: label, onclick }, text);
  byId("viewer-tools").append(...toggles(["masks", "boxes", "labels"]),
    button("‹", "Previous picture (←)", () => step(-1)),
    button("›", "Next picture (→)", () => step(1)),
    element("span", { class: "wide-only" }, button("?", "Keys", () => byId("help").showModal())),
    button("✕", "Close (Esc)", () => viewer.close()));
  viewer.addEventListener("close", () => {
    const card = cards.get(state.image);
    change({ image: "" });
    card?.focus();
  });
  // A click beside the dialog closes it.
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
}

function showViewer() {
  const image = data.images.find((one) => String(one.id) === state.image);
  if (!image) {
    if (viewer.open) viewer.close();
    return;
  }
  const place = shown.indexOf(image);
  byId("viewer-name").textContent = image.name;
  byId("viewer-place").textContent = [
    place < 0 ? "" : `${place + 1} of ${shown.length}`,
    `${image.width} × ${image.height}`,
    isEvaluation ? `cost ${share(image.cost, 2)}` : "",
  ].filter(Boolean).join(" · ");
  const sides = isEvaluation ? ["gt", "found"] : ["found"];
  byId("viewer-body").replaceChildren(
    element("div", { class: `panes large ${sides.length > 1 ? "two" : ""}` }, sides.map((side) => pane(image, side, { large: true }))),
    isEvaluation ? kindKey(image) : null,
    instanceList(image));
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  if (!shown.length) return;
  const place = shown.findIndex((image) => String(image.id) === state.image);
  const next = shown[(place + by + shown.length) % shown.length];
  change({ image: String(next.id) });
}

// The kinds that occur, by colour.
function kindKey(image) {
  const kinds = new Set([...image.found.filter(isShown).map((one) => one.kind), ...image.gt.map((_, index) => gtKind(image, index))]);
  return element("div", { class: "legend" }, [RIGHT, ...Object.keys(KINDS), CROWD].filter((kind) => kinds.has(kind))
    .map((kind) => element("span", { class: "key" }, swatch(kind), kind)));
}

function instanceList(image) {
  const header = isEvaluation ? ["detection", "score", "what", "instance", "IoU"] : ["detection", "score"];
  const rows = image.found.map((one, index) => [one, index]).filter(([one]) => isShown(one)).map(([one, index]) =>
    listRow(pairOf(image, "found", index), [
      className(one.class), share(one.score, 2),
      ...(isEvaluation ? [kindCell(one.kind), one.gt === null ? "" : className(image.gt[one.gt].class), one.gt === null ? "" : share(one.iou, 2)] : []),
    ]));
  if (isEvaluation) {
    image.gt.forEach((gt, index) => {
      if (gtKind(image, index) === "missed") rows.push(listRow(pairOf(image, "gt", index), ["", "", kindCell("missed"), className(gt.class), ""]));
    });
  }
  if (!rows.length) return nothing(isEvaluation ? "Nothing was detected, and nothing missed." : "Nothing was detected.");
  return element("div", { class: "scroll", tabindex: 0 }, element("table", { class: "list" },
    element("thead", {}, element("tr", {}, header.map((text) => element("th", { scope: "col", class: numeric(text) }, text)))),
    element("tbody", {}, rows)));

  function listRow(pair, cells) {
    return element("tr", { "data-pair": pair, onmouseenter: () => markPair(pair), onmouseleave: () => markPair(null) },
      cells.map((cell, i) => element("td", { class: numeric(header[i]) }, cell)));
  }
}

const numeric = (heading) => (["score", "IoU"].includes(heading) ? "number" : "");

const kindCell = (kind) => element("span", { class: "key" }, swatch(kind), kind === CROWD ? "in a crowd" : kind);

function markPair(pair) {
  for (const drawn of viewer.querySelectorAll(".instance")) {
    drawn.classList.toggle("marked", pair !== null && drawn.dataset.pair === pair);
    drawn.classList.toggle("faded", pair !== null && drawn.dataset.pair !== pair);
  }
}
