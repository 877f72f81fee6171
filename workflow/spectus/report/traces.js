// Chromatograms of one feature: its ions in the run that gave its spectrum, one ion over the runs, elution profiles.

function drawTraces(host, below, shown) {
  ionTraces(host, shown);
  runTraces(host, shown);
  elutionProfiles(below, shown);
}

function tracePlot(lines, top, label, height = 220) {
  const low = Math.min(...lines.map(line => line.t[0])), high = Math.max(...lines.map(line => line.t.at(-1)));
  const holder = el("div");
  return {holder, draw: () => {
    const {root, box} = figure(holder, height, [18, 10, 40, 44], label, {class: "chart"});
    const x = scale(low, high, box.left, box.right), y = scale(0, top, box.bottom, box.top);
    axisX(root, box, x, low, high, "Retention time, min");
    root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}`}),
      el("text", {x: box.left - 6, y: box.top + 4, "text-anchor": "end"}, amount(top)), el("text", {x: box.left - 6, y: box.bottom + 4, "text-anchor": "end"}, "0"));
    if (chosen >= 0 && features.rt[chosen] / 60 > low && features.rt[chosen] / 60 < high) root.append(el("path", {class: "here", d: `M${x(features.rt[chosen] / 60)} ${box.top}V${box.bottom}`}));
    for (const line of [...lines].reverse()) root.append(el("path", {class: "trace", ...line.style, d: "M" + line.t.map((t, i) => `${x(t).toFixed(1)} ${y(line.heights[i]).toFixed(1)}`).join("L")}));
    holder.append(root);
  }};
}

/** Extracted ion chromatograms of the most intense ions. */
function ionTraces(host, shown) {
  if (!shown.traces.length) return;
  const [run, ions, steps, top, heights] = shown.traces[0], t = times(steps);
  const lines = ions.map((ion, number) => ({ion, t, heights: heights[number].map(value => value * top / 999), style: lineStyle(number)}));
  const plot = tracePlot(lines, top, `Extracted ion chromatograms of m/z ${ions.join(", ")} in ${runName(run)}`);
  host.append(el("div", {class: "figure-head"}, el("h3", {}, `Ions in ${runName(run)}`), saveButtons(() => plot.holder.querySelector("svg"), () => `${features.id[chosen]} ions`)), plot.holder,
    legend(lines.map(line => [line.style, `m/z ${line.ion}`])));
  plot.draw();
}

/** The base peak's trace in several runs, each in counts. */
function runTraces(host, shown) {
  const lines = shown.traces.map(([run, ions, steps, top, heights], number) => ({run, ion: ions[0], t: times(steps), top, heights: heights[0].map(value => value * top / 999), style: lineStyle(number)}));
  if (lines.length < 2) return;
  const top = Math.max(...lines.map(line => Math.max(...line.heights)));
  const plot = tracePlot(lines, top, `Extracted ion chromatogram of m/z ${lines[0].ion} in ${lines.map(line => runName(line.run)).join(", ")}`);
  host.append(el("div", {class: "figure-head"}, el("h3", {}, `m/z ${lines[0].ion} in ${plural(lines.length, "run")}`), saveButtons(() => plot.holder.querySelector("svg"), () => `${features.id[chosen]} runs`)), plot.holder,
    legend(lines.map(line => [line.style, runTitle(line.run)])));
  plot.draw();
}

function elutionProfiles(host, shown) {
  host.append(el("h3", {}, "Elution profile"));
  if (!shown.elution.length) {
    host.append(el("p", {class: "empty"}, "The page has no profile of it."));
    return;
  }
  const lines = shown.elution.map(([run, steps, heights]) => ({run, t: times(steps), heights}));
  const low = Math.min(...lines.map(line => line.t[0])), high = Math.max(...lines.map(line => line.t.at(-1)));
  const {root, box} = figure(host, 200, [18, 10, 40, 34], `Elution profiles in ${lines.map(line => runName(line.run)).join(", ")}`);
  const x = scale(low, high, box.left, box.right), y = scale(0, 1000, box.bottom, box.top);
  axisX(root, box, x, low, high, "Retention time, min");
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}`}),
    el("text", {x: box.left - 7, y: box.top + 4, "text-anchor": "end"}, "apex"), el("text", {x: box.left - 7, y: box.bottom + 4, "text-anchor": "end"}, "0"));
  for (const [number, line] of [...lines.entries()].reverse()) {
    root.append(el("path", {class: `line ${number ? "other" : "best"}`, d: "M" + line.t.map((t, i) => `${x(t).toFixed(1)} ${y(line.heights[i]).toFixed(1)}`).join("L")},
      el("title", {}, runName(line.run))));
  }
  host.append(root, el("p", {class: "reading"}, `Model peaks of the deconvolution. Colored: ${runName(lines[0].run)}, which gave the spectrum.` +
    (lines.length > 1 ? ` Grey: ${lines.slice(1).map(line => runName(line.run)).join(", ")}. Each is scaled to its own apex.` : "")));
}
