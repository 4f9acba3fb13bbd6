// One picture with its instances drawn over it, and what is wrong in it.

// The kind of an instance that is there, for the scores that are shown: one that only
// a hidden detection found is missed.
function gtKind(image, index) {
  const gt = image.gt[index];
  if (gt.kind === CROWD || gt.kind === "missed") return gt.kind;
  if (gt.kind === RIGHT) return isShown(image.found[gt.by]) ? RIGHT : "missed";
  const isMeant = image.found.some((one) => one.gt === index && one.kind === gt.kind && isShown(one));
  return isMeant ? gt.kind : "missed";
}

const isShown = (found) => (found.score ?? 0) >= state.score;

// Errors of an image: { kind, classes }, the classes of both sides.
function errorsOf(image) {
  if (!isEvaluation) return [];
  const wrong = image.found.filter((one) => isShown(one) && one.kind in KINDS).map((one) => ({
    kind: one.kind,
    classes: [one.class, ...(one.gt === null ? [] : [image.gt[one.gt].class])],
  }));
  const missed = image.gt.flatMap((gt, index) =>
    (gtKind(image, index) === "missed" ? [{ kind: "missed", classes: [gt.class] }] : []));
  return [...missed, ...wrong];
}

function countKinds(errors) {
  const counts = {};
  for (const kind of Object.keys(KINDS)) counts[kind] = errors.filter((error) => error.kind === kind).length;
  return counts;
}

// side: "gt" or "found"
function pane(image, side, { large = false } = {}) {
  const instances = image[side];
  const shown = [...instances.keys()].filter((index) => side === "gt" || isShown(instances[index]));
  const what = side === "gt" ? counted(shown.length, "instance") : counted(shown.length, "detection");
  const title = side === "gt" ? "Ground truth" : "Detections";
  const [width, height] = image.view;
  // The best detections lie on top.
  const drawing = shape("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    shown.reverse().map((index) => drawnInstance(image, side, index)),
    large ? shown.map((index) => drawnLabel(image, side, index)) : null);
  if (large) keepLetters(drawing, width);
  return element("figure", { class: `pane ${side}`, style: `--ratio:${width / height}` },
    element("div", { class: "picture" },
      element("img", { src: image.picture, alt: `${title} of ${image.name}: ${what}` }),
      drawing),
    large ? element("figcaption", {}, title, element("small", {}, what)) : null);
}

function drawnInstance(image, side, index) {
  const instance = image[side][index];
  const kind = kindOf(image, side, index);
  const color = kind ? `var(--${kind})` : classColor(instance.class);
  const [x, y, width, height] = instance.box;
  return shape("g", { class: `instance ${kind ?? ""}`, style: `--color:${color}`, "data-pair": pairOf(image, side, index) },
    instance.path ? shape("path", { class: "mask", d: instance.path }) : null,
    instance.box.length ? shape("rect", { class: "box", x, y, width, height }) : null);
}

// Over all instances, so that no outline runs through letters.
function drawnLabel(image, side, index) {
  const instance = image[side][index];
  const [x, y] = instance.box;
  if (!instance.box.length) return null;
  const text = side === "gt" || instance.score === null
    ? className(instance.class) : `${className(instance.class)} ${share(instance.score, 2)}`;
  return shape("g", { class: "instance", "data-pair": pairOf(image, side, index) },
    shape("text", { class: "label", "data-x": x, "data-y": y }, text));
}

function kindOf(image, side, index) {
  if (!isEvaluation) return null;
  return side === "gt" ? gtKind(image, index) : image.found[index].kind;
}

// What belongs together is marked together: an instance and its detections.
function pairOf(image, side, index) {
  if (side === "gt") return `gt${index}`;
  const { gt } = image.found[index];
  return gt === null || gt === undefined ? `found${index}` : `gt${gt}`;
}

// Letters keep their size on screen, however large the drawing is.
function keepLetters(drawing, viewWidth) {
  new ResizeObserver(([entry]) => {
    const size = 13 * viewWidth / Math.max(entry.contentRect.width, 1);
    const placed = [];
    // From the top of the pile down: where labels would overlap, the best one stays,
    // and the others come out when their instance is pointed at.
    for (const label of [...drawing.querySelectorAll(".label")].reverse()) {
      label.style.fontSize = `${size}px`;
      const width = 0.62 * size * label.textContent.length;
      const x = Math.max(Math.min(Number(label.dataset.x), viewWidth - width), 0);
      // Above the box, or inside where there is no room above.
      const top = Number(label.dataset.y);
      const y = top > 1.3 * size ? top - 0.35 * size : top + 1.1 * size;
      label.setAttribute("x", x);
      label.setAttribute("y", y);
      const isHidden = placed.some((other) =>
        x < other.x + other.width && other.x < x + width && Math.abs(y - other.y) < 1.1 * size);
      label.classList.toggle("crowded", isHidden);
      if (!isHidden) placed.push({ x, y, width });
    }
  }).observe(drawing);
}
