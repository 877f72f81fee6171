// The ladders' figures, and the start of the page.

function drawLadder(host) {
  const ladder = data.ladders[host.dataset.ladder];
  const seen = ladder.standards.filter(standard => known(standard[2])).map(([carbon, ri, rt]) => ({carbon, ri, at: rt / 60}));
  host.replaceChildren();
  if (seen.length < 2) {
    host.append(el("p", {class: "empty"}, "Too few RI standards to draw."));
    return;
  }
  const {root, box} = figure(host, 340, [26, 10, 40, 44], `Retention index against retention time of the ${seen.length} RI standards found in ${ladder.run}`);
  const times = seen.map(standard => standard.at), indices = ladder.standards.map(standard => standard[1]);
  const [low, high] = [Math.min(...times), Math.max(...times)], [bottom, top] = [Math.min(...indices), Math.max(...indices)];
  const x = scale(low, high, box.left + 10, box.right - 10), y = scale(bottom, top, box.bottom - 8, box.top);
  axisX(root, box, x, low, high, "Retention time, min");
  axisY(root, box, y, bottom, top, null, 6);
  root.append(el("text", {x: box.left - 38, y: 12}, "Retention index"));
  root.append(el("path", {class: "line other", d: "M" + seen.map(standard => `${x(standard.at)} ${y(standard.ri)}`).join("L")}));
  for (const [carbon, ri, rt, missing] of ladder.standards) {
    const at = known(rt) ? rt / 60 : between(seen, ri);
    if (!known(at)) continue;
    root.append(el("circle", {class: missing ? "standard missing" : "standard", cx: x(at), cy: y(ri), r: missing ? 4.5 : 3.5},
      el("title", {}, missing ? `C${carbon}: missing` : `C${carbon}: ${at.toFixed(3)} min`)));
    if (missing) root.append(el("text", {class: "value", x: x(at) + 9, y: y(ri) + 12}, `C${carbon} missing`));
  }
  host.append(root, el("p", {class: "tools hover"}, saveButtons(() => root, `ladder ${ladder.run}`)));
}

/** The time of a missing RI standard on the line between its neighbors. */
function between(seen, ri) {
  const after = seen.findIndex(standard => standard.ri > ri);
  if (after <= 0) return null;
  const [a, b] = [seen[after - 1], seen[after]];
  return a.at + (b.at - a.at) * (ri - a.ri) / (b.ri - a.ri);
}

function drawLadders() {
  document.querySelectorAll("[data-ladder]").forEach(drawLadder);
}

chromatograms.start();
if (nFeatures) table.start();
overview.start();
quantities.start();
drawLadders();
addCsvButtons();
address.follow();
window.addEventListener("hashchange", () => address.follow());
document.querySelectorAll("details").forEach(part => part.addEventListener("toggle", drawLadders));
window.addEventListener("beforeprint", () => document.querySelectorAll("details:not(.ranges)").forEach(part => { part.open = true; }));
let width = document.body.clientWidth, waiting = 0;
window.addEventListener("resize", () => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    chromatograms.draw();
    if (nFeatures) {
      table.height = 0;
      table.view();
      detail.draw();
      overview.draw();
    }
    quantities.draw();
    drawLadders();
  });
});
