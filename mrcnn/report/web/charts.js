// Charts drawn as SVG at the width they have, so that text keeps its size.

const MARGIN = { top: 12, right: 14, bottom: 40, left: 54 };

// A chart that is drawn again when its width changes.
function chart(label, height, draw) {
  const holder = element("div", { class: "chart", style: `height:${height}px` });
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width < 60 || width === drawn) return;
    drawn = width;
    holder.replaceChildren(shape("svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      draw(axes(width, height))));
  }).observe(holder);
  return holder;
}

// From values to pixels: x and y run from 0 to 1.
function axes(width, height) {
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  return {
    width, height, inner,
    x: (value) => MARGIN.left + value * inner.width,
    y: (value) => MARGIN.top + (1 - value) * inner.height,
  };
}

// Lines and numbers of both axes; ticks are pairs of a place from 0 to 1 and a text.
function grid(at, xTicks, yTicks, xTitle, yTitle) {
  const [left, right, bottom] = [at.x(0), at.x(1), at.y(0)];
  return [
    yTicks.map(([place, text]) => [
      shape("line", { class: "grid", x1: left, x2: right, y1: at.y(place), y2: at.y(place) }),
      shape("text", { x: left - 7, y: at.y(place) + 4, "text-anchor": "end" }, text)]),
    xTicks.map(([place, text]) =>
      shape("text", { x: at.x(place), y: bottom + 17, "text-anchor": "middle" }, text)),
    shape("text", { class: "title", x: (left + right) / 2, y: at.height - 5, "text-anchor": "middle" }, xTitle),
    shape("text", { class: "title", "text-anchor": "middle",
      transform: `translate(11 ${(at.y(0) + at.y(1)) / 2}) rotate(-90)` }, yTitle),
  ].flat(2);
}

const unitTicks = [0, 0.25, 0.5, 0.75, 1].map((value) => [value, String(value)]);

// A few round numbers from 0 to the highest, as ticks of an axis with that scale.
function countTicks(highest, scale) {
  const rough = highest / 4;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? 10 * power;
  const ticks = [];
  for (let value = 0; value <= highest; value += step) ticks.push([scale(value), count(value)]);
  return ticks;
}

function curvesPanel() {
  const kinds = numberKinds();
  const entries = data.coco.per_class.filter((entry) => entry.num_gt);
  const note = "At IoU 0.5: how many detections are right when so many instances are found.";
  if (!entries.length) return panel("curves", "Precision and recall", note, nothing("There are no instances to find."));
  const content = element("div");
  const legend = element("div", { class: "legend" });
  const readout = element("p", { class: "muted readout", role: "status" });
  let kind = kinds[0];

  function mark(id) {
    for (const line of content.querySelectorAll("[data-class]")) {
      line.classList.toggle("marked", line.dataset.class === String(id));
      line.classList.toggle("faded", id !== null && line.dataset.class !== String(id));
    }
    const entry = entries.find((one) => one.class_id === id);
    readout.textContent = entry ? `${entry.class_name}: ${KIND_NAMES[kind]} AP50 ${share(entry[kind].AP50)}` : "";
  }

  function draw() {
    content.replaceChildren(chart("Precision by recall of each class", 300, (at) => curveShapes(at, entries, kind, readout)));
    legend.replaceChildren(...entries.map((entry) => element("button", {
      type: "button", class: "chip",
      onmouseenter: () => mark(entry.class_id), onmouseleave: () => mark(null),
      onfocus: () => mark(entry.class_id), onblur: () => mark(null),
      onclick: () => mark(entry.class_id),
    }, element("span", { class: "swatch", style: `background:${curveColor(entries, entry)}` }),
    entry.class_name, element("small", {}, share(entry[kind].AP50, 2)))));
  }

  draw();
  const chosen = kinds.length > 1 ? choice("Curves of", kinds.map((one) => [one, one]), kind, (value) => {
    kind = value;
    draw();
  }) : null;
  return panel("curves", "Precision and recall", note, [chosen, content, readout, legend], { wide: hasManyClasses() });
}

// Each stands out on light and on dark ground.
const CURVE_COLORS = [
  "#2f6fed", "#ea6a1a", "#0f9f8f", "#c03fd6", "#6aa41a", "#dc3a3a", "#7c5cf0", "#0a93b5", "#b07d10", "#e0468f",
];

// With many classes, single curves are grey until they are pointed at.
function curveColor(entries, entry) {
  return hasManyClasses() ? "var(--faint)" : CURVE_COLORS[(entry.class_id - 1) % CURVE_COLORS.length];
}

function curveShapes(at, entries, kind, readout) {
  const curves = entries.map((entry) => entry.curves[kind]);
  const line = (curve) => curve.map((value, i) => `${i ? "L" : "M"}${at.x(i / 100).toFixed(1)} ${at.y(value ?? 0).toFixed(1)}`).join("");
  const mean = curves[0].map((_, i) => sum(curves.map((curve) => curve[i] ?? 0)) / curves.length);
  const lines = entries.map((entry, i) => shape("path", {
    class: "curve", "data-class": entry.class_id, d: line(curves[i]), stroke: curveColor(entries, entry),
  }, shape("title", {}, entry.class_name)));
  if (entries.length > 1) lines.push(shape("path", { class: "curve mean", d: line(mean) }, shape("title", {}, "mean of the classes")));
  const cursor = shape("circle", { r: 4, class: "cursor", visibility: "hidden" });
  const catcher = shape("rect", {
    x: at.x(0), y: at.y(1), width: at.inner.width, height: at.inner.height, fill: "transparent",
    onpointermove: (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      const i = Math.min(Math.max(Math.round(100 * (event.clientX - box.left) / box.width), 0), 100);
      const height = 1 - (event.clientY - box.top) / box.height;
      let nearest = 0;
      curves.forEach((curve, n) => {
        if (Math.abs((curve[i] ?? 0) - height) < Math.abs((curves[nearest][i] ?? 0) - height)) nearest = n;
      });
      cursor.setAttribute("cx", at.x(i / 100));
      cursor.setAttribute("cy", at.y(curves[nearest][i] ?? 0));
      cursor.setAttribute("visibility", "visible");
      readout.textContent = `${entries[nearest].class_name}: precision ${share(curves[nearest][i], 2)} at recall ${share(i / 100, 2)}`;
    },
    onpointerleave: () => {
      cursor.setAttribute("visibility", "hidden");
      readout.textContent = "";
    },
  });
  return [...grid(at, unitTicks, unitTicks, "recall", "precision"), ...lines, cursor, catcher];
}

// Columns of one or several stacked parts: [{ name, color, values }].
function histogramPanel() {
  const { edges } = data.score_histogram;
  const parts = isEvaluation
    ? [["right", "var(--right)"], ["wrong", "var(--background)"]]
    : [["found", "var(--accent)"]];
  const stacks = edges.slice(1).map((_, i) => parts.map(([name]) => data.score_histogram[name][i]));
  const totals = stacks.map(sum);
  const highest = Math.max(...totals);
  const note = isEvaluation
    ? `Detections by score; right: IoU of at least ${data.iou_threshold} with an instance of the class that no better one found.`
    : "Detections by score.";
  if (!highest) return panel("scores", "Scores", note, nothing("Nothing was detected."));
  // Most detections have low scores; roots keep the few others visible.
  const usual = totals.filter((total) => total).sort((a, b) => a - b);
  const isRooted = highest > 12 * usual[usual.length >> 1];
  const scale = (value) => (isRooted ? Math.sqrt(value / highest) : value / highest);
  const drawn = chart("Histogram of scores", 250, (at) => [
    ...grid(at, unitTicks, countTicks(highest, scale), "score", isRooted ? "detections (root scale)" : "detections"),
    ...stacks.flatMap((stack, i) => {
      let below = 0;
      return stack.map((value, n) => {
        const [bottom, top] = [at.y(scale(below)), at.y(scale(below + value))];
        below += value;
        return value ? shape("rect", {
          x: at.x(edges[i]) + 1, y: top, width: Math.max(at.x(edges[i + 1]) - at.x(edges[i]) - 2, 1),
          height: bottom - top, fill: parts[n][1],
        }, shape("title", {}, `score ${share(edges[i], 2)} to ${share(edges[i + 1], 2)}: ${value} ${parts[n][0]}`)) : null;
      });
    }),
  ]);
  const legend = isEvaluation ? keyOf(parts) : null;
  return panel("scores", "Scores", note, [drawn, legend]);
}

const keyOf = (parts) => element("div", { class: "legend" }, parts.map(([name, color]) =>
  element("span", { class: "key" }, element("span", { class: "swatch", style: `background:${color}` }), name)));

function calibrationPanel() {
  const { edges, precisions, counts, mean_scores: means, expected_error: error } = data.calibration;
  const note = `Can scores be taken at their word? Mean gap between score and precision: ${share(error)}.`;
  if (!sum(counts)) return panel("calibration", "Calibration", note, nothing("Nothing was detected."));
  const drawn = chart("Share of right detections by score", 250, (at) => [
    ...grid(at, unitTicks, unitTicks, "score", "share that is right"),
    ...counts.map((number, i) => number ? shape("rect", {
      class: "calibration", x: at.x(edges[i]) + 1, y: at.y(precisions[i]),
      width: Math.max(at.x(edges[i + 1]) - at.x(edges[i]) - 2, 1), height: Math.max(at.y(0) - at.y(precisions[i]), 1),
    }, shape("title", {}, `score ${share(edges[i], 1)} to ${share(edges[i + 1], 1)}: ${percent(precisions[i])} of ${number} are right, mean score ${share(means[i], 2)}`)) : null),
    shape("line", { class: "diagonal", x1: at.x(0), y1: at.y(0), x2: at.x(1), y2: at.y(1) }),
    ...counts.map((number, i) => number ? shape("circle", { class: "dot", cx: at.x(means[i]), cy: at.y(precisions[i]), r: 3.5 }) : null),
  ].filter(Boolean));
  return panel("calibration", "Calibration", note, drawn);
}

function sizesChart() {
  const kinds = numberKinds();
  const colors = { masks: "var(--accent)", boxes: "var(--second)" };
  const sizes = ["small", "medium", "large"];
  const limits = { small: "under 32²", medium: "32² to 96²", large: "over 96²" };
  const drawn = chart("Average precision by size", 210, (at) => {
    const room = at.inner.width / 3;
    const width = Math.min(room / (kinds.length + 1), 64);
    return [
      ...grid(at, [], unitTicks, "", "AP"),
      ...sizes.flatMap((size, i) => {
        const middle = at.x(0) + (i + 0.5) * room;
        return [
          ...kinds.flatMap((kind, k) => {
            const value = data.coco[kind][`AP_${size}`];
            const left = middle + (k - kinds.length / 2) * width;
            return [
              shape("rect", { x: left + 2, y: at.y(value ?? 0), width: width - 4, height: at.y(0) - at.y(value ?? 0), fill: colors[kind] },
                shape("title", {}, `${KIND_NAMES[kind]} AP of ${size} instances: ${share(value)}`)),
              shape("text", { class: "value", x: left + width / 2, y: at.y(value ?? 0) - 5, "text-anchor": "middle" }, share(value, 2)),
            ];
          }),
          shape("text", { class: "value", x: middle, y: at.y(0) + 17, "text-anchor": "middle" }, room < 130 ? size : `${size}, ${limits[size]}`),
          shape("text", { x: middle, y: at.y(0) + 33, "text-anchor": "middle" }, room < 130 ? count(data.sizes[size]) : counted(data.sizes[size], "instance")),
        ];
      }),
    ];
  });
  return [keyOf(kinds.map((kind) => [`${KIND_NAMES[kind]} AP by area in pixels`, colors[kind]])), drawn];
}

// Radio buttons that look like a switch.
function choice(label, options, value, onchoose) {
  const group = `choice-${label.replaceAll(" ", "-")}`;
  return element("div", { class: "choice", role: "radiogroup", "aria-label": label }, options.map(([key, text]) =>
    element("label", {}, element("input", { type: "radio", name: group, checked: key === value, onchange: () => onchoose(key) }),
      element("span", {}, text))));
}
