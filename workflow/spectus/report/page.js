// The ladder's figure, and the start of it all.

function drawLadder(host) {
  const ladder = data.ladders[host.dataset.ladder];
  const seen = ladder.rungs.filter(rung => known(rung[2])).map(([carbon, ri, rt]) => ({carbon, ri, at: rt / 60}));
  host.replaceChildren();
  if (seen.length < 2) {
    host.append(el("p", {class: "empty"}, "Too few rungs to draw."));
    return;
  }
  const {root, box} = figure(host, 340, [26, 10, 40, 44], `Retention index against retention time of the ${seen.length} rungs found in ${ladder.run}`);
  const times = seen.map(rung => rung.at), indices = ladder.rungs.map(rung => rung[1]);
  const [low, high] = [Math.min(...times), Math.max(...times)], [bottom, top] = [Math.min(...indices), Math.max(...indices)];
  const x = scale(low, high, box.left + 10, box.right - 10), y = scale(bottom, top, box.bottom - 8, box.top);
  axisX(root, box, x, low, high, "Retention time, min");
  axisY(root, box, y, bottom, top, null, 6);
  root.append(el("text", {x: box.left - 38, y: 12}, "Retention index"));
  root.append(el("path", {class: "line other", d: "M" + seen.map(rung => `${x(rung.at)} ${y(rung.ri)}`).join("L")}));
  for (const [carbon, ri, rt, missing] of ladder.rungs) {
    const at = known(rt) ? rt / 60 : between(seen, ri);
    if (!known(at)) continue;
    root.append(el("circle", {class: missing ? "rung missing" : "rung", cx: x(at), cy: y(ri), r: missing ? 4.5 : 3.5},
      el("title", {}, missing ? `C${carbon}: missing` : `C${carbon}: ${at.toFixed(3)} min`)));
    if (missing) root.append(el("text", {class: "value", x: x(at) + 9, y: y(ri) + 12}, `C${carbon} missing`));
  }
  host.append(root);
}

/** Where a rung that was not seen would stand on the line between its neighbours. */
function between(seen, ri) {
  const after = seen.findIndex(rung => rung.ri > ri);
  if (after <= 0) return null;
  const [a, b] = [seen[after - 1], seen[after]];
  return a.at + (b.at - a.at) * (ri - a.ri) / (b.ri - a.ri);
}

function drawLadders() {
  document.querySelectorAll("[data-ladder]").forEach(drawLadder);
}

chromatograms.start();
if (nFeatures) table.start();
drawLadders();
document.querySelectorAll("details").forEach(part => part.addEventListener("toggle", drawLadders));
let width = document.body.clientWidth, waiting = 0;
window.addEventListener("resize", () => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    if (chromatograms.body) chromatograms.draw();
    if (nFeatures) detail.draw();
    drawLadders();
  });
});
