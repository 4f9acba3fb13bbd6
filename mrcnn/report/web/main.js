// Puts the page together, and listens to keys.

function drawPage() {
  byId("summary").textContent = summary();
  drawHeadline();
  const panels = isEvaluation
    ? [cocoPanel(), errorsPanel(), curvesPanel(), confusionPanel(), histogramPanel(), calibrationPanel(), classesPanel()]
    : [classesPanel(), histogramPanel()];
  byId("panels").append(...panels);
  byId("contents").append(...[...panels.map((made) => [made.id, made.querySelector("h2").textContent]), ["pictures", "Pictures"]]
    .map(([id, text]) => element("a", { href: `#${id}` }, text)));
  byId("gallery-note").textContent = galleryNote();
  drawFilters();
  drawViewerTools();
  showToggles();
  drawGallery();
  showViewer();
  watchers.push((changed) => {
    if (changed.some((key) => ["masks", "boxes", "labels"].includes(key))) showToggles();
    if (changed.some((key) => ["class", "kind", "score", "sort"].includes(key))) {
      showFilters();
      drawGallery();
      if (viewer.open) showViewer();
    }
    if (changed.includes("image")) showViewer();
  });
}

function summary() {
  const parts = [counted(data.num_images, "image")];
  if (isEvaluation) parts.push(counted(data.num_gt, "instance"));
  parts.push(counted(data.num_detections, "detection"), counted(data.class_names.length - 1, "class", "classes"));
  if (isNumber(data.min_confidence)) parts.push(`scores from ${data.min_confidence} up`);
  if (isEvaluation) parts.push(data.use_masks ? "masks compared" : "boxes compared");
  return parts.join(" · ");
}

function galleryNote() {
  const isCut = data.images.length < data.num_images;
  if (!isEvaluation) return isCut ? `The first ${count(data.images.length)} of ${counted(data.num_images, "image")}.` : "";
  const which = isCut ? `The ${count(data.images.length)} worst of ${counted(data.num_images, "image")}; ` : "";
  const rule = "an image costs 1 minus the score of the detection that found it for each instance, and the score of each false detection";
  return `${which}${rule}. Left the ground truth, right the detections.`.replace(/^./, (letter) => letter.toUpperCase());
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, select")) return;
  const isHandled = keyPressed(event.key);
  if (isHandled) event.preventDefault();
});

function keyPressed(key) {
  const parts = { m: "masks", b: "boxes", l: "labels" };
  if (key in parts) change({ [parts[key]]: !state[parts[key]] });
  else if (key === "?") byId("help").open || byId("help").showModal();
  else if (key === "Escape") return closeTop();
  else if (byId("help").open) return false;
  else if (viewer.open) return stepBy({ ArrowLeft: -1, ArrowRight: 1 }[key]);
  else return moveFocus(key);
  return true;
}

function closeTop() {
  const top = [byId("help"), viewer].find((dialog) => dialog.open);
  top?.close();
  return Boolean(top);
}

function stepBy(by) {
  if (by) step(by);
  return Boolean(by);
}

// From card to card; a first arrow to the side goes to the first card.
function moveFocus(key) {
  const buttons = [...cards.values()];
  const at = buttons.indexOf(document.activeElement);
  const columns = getComputedStyle(byId("gallery")).gridTemplateColumns.split(" ").length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  const isElsewhere = at < 0 && ![document.body, byId("gallery")].includes(document.activeElement);
  if (!by || !buttons.length || isElsewhere || (at < 0 && Math.abs(by) !== 1)) return false;
  const next = at < 0 ? 0 : at + by;
  buttons[next]?.focus();
  return next >= 0 && next < buttons.length;
}

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

drawPage();
