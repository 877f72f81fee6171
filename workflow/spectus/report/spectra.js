// Figures of one feature: mirror plot and bars.

/** A spectrum upwards and, where there is one, a reference spectrum downwards; nominal and accurate m/z of its ions, if known. */
function mirror(host, reading, [mz, heights], reference, accurate) {
  const library = reference && reference.spectrum;
  if (!mz.length) {
    host.append(el("p", {class: "empty"}, "The spectrum has no peaks."));
    return;
  }
  const masses = library ? [...mz, ...library[0]] : mz;
  const low = Math.min(...masses) - 8, high = Math.max(...masses) + 8;
  const label = library ? `Mirror plot: the feature above, the ${reference.kind} spectrum of ${reference.name} below` : "Mass spectrum of the feature";
  const {root, box} = figure(host, library ? 380 : 240, [26, 6, 40, 6], label, {class: "chart"});
  const middle = library ? (box.top + box.bottom) / 2 : box.bottom;
  const x = scale(low, high, box.left, box.right);
  const up = scale(0, 1000, middle, box.top + 8), down = scale(0, 1000, middle, box.bottom - 20);
  axisX(root, box, x, low, high, "m/z");
  if (library) root.append(el("path", {class: "axis", d: `M${box.left} ${middle}H${box.right}`}));
  const side = (masses, heights, others, y, kind) => {
    const partners = others ? new Set(others.map(nominal)) : null;
    const paths = ["", ""];
    masses.forEach((mass, i) => { paths[partners && !partners.has(nominal(mass)) ? 1 : 0] += `M${x(mass).toFixed(1)} ${middle}V${y(heights[i]).toFixed(1)}`; });
    root.append(el("path", {class: `stick ${kind}`, d: paths[0]}), el("path", {class: `stick ${kind} unmatched`, d: paths[1]}));
    for (const i of labelled(masses, heights, x)) root.append(el("text", {class: "value", x: x(masses[i]), "text-anchor": "middle",
      y: y(heights[i]) + (kind === "query" ? -4 : 12)}, String(Number(masses[i].toFixed(2)))));
  };
  side(mz, heights, library && library[0], up, "query");
  if (library) side(library[0], library[1], mz, down, "library");
  root.append(el("text", {class: "name", x: box.left, y: 12}, "Measured: the feature"));
  if (library) root.append(el("text", {class: "name", x: box.left, y: box.bottom + 34}, caption(reference)));
  root.addEventListener("pointermove", event => {
    const place = root.getBoundingClientRect();
    const at = low + ((event.clientX - place.left) * root.viewBox.baseVal.width / place.width - box.left) / (box.right - box.left) * (high - low);
    const near = ([list, tall]) => list.reduce((best, mass, i) => Math.abs(mass - at) < Math.abs(list[best] - at) ? i : best, 0);
    const say = (name, pair) => { const i = near(pair); return `${name} m/z ${pair[0][i]}, ${(pair[1][i] / 10).toFixed(1)} %`; };
    const exact = accurate ? accurate[1].filter((_, i) => accurate[0][i] === mz[near([mz, heights])]).map(value => value.toFixed(4)) : [];
    reading.textContent = say("Feature", [mz, heights]) + (exact.length ? ` (measured ${exact.join(", ")})` : "") + (library ? `; ${reference.kind} ${say("", library).trim()}` : "");
  });
  root.addEventListener("pointerleave", () => { reading.textContent = hint; });
  const hint = library ? "Pale: peaks that the other spectrum lacks." : "";
  reading.textContent = hint;
  host.append(root);
}

function caption({kind, name}) {
  const text = `${kind[0].toUpperCase()}${kind.slice(1)}: ${name}`;
  return text.length > 60 ? text.slice(0, 59) + "\u2026" : text;
}

/** The tall peaks whose labels have room: no taller peak within their width, no label over another. */
function labelled(masses, heights, x) {
  const order = masses.map((_, i) => i).sort((a, b) => heights[b] - heights[a]).slice(0, 40);
  const found = [];
  for (const i of order) {
    if (heights[i] < 40 || found.length >= 12) break;
    const room = String(Number(masses[i].toFixed(2))).length * 3.3 + 4;
    const hidden = masses.some((mass, j) => j !== i && Math.abs(x(mass) - x(masses[i])) < room && heights[j] > heights[i]);
    const crowded = found.some(j => Math.abs(x(masses[j]) - x(masses[i])) < 2 * room && Math.abs(heights[j] - heights[i]) < 90);
    if (!hidden && !crowded) found.push(i);
  }
  return found;
}

function hatch() {
  return el("defs", {}, el("pattern", {id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"},
    el("path", {d: "M0 0V5", stroke: "var(--accent)", "stroke-width": 2})));
}

function barsAcross(host, shown) {
  const names = data.axis.map(run => runName(run) + (["sample", undefined, null].includes(data.runs[run].type) || runName(run).toLowerCase().includes(data.runs[run].type) ? "" : ` (${data.runs[run].type})`));
  const longest = Math.min(30, Math.max(...names.map(name => name.length)));
  const space = longest * 6.4 + 12, row = shown.areas.length > 12 ? 19 : 25;
  const {root, box} = figure(host, shown.areas.length * row + 6, [2, 60, 4, space], "Areas by run");
  const x = scale(0, Math.max(...shown.areas.map(area => area || 0)) || 1, box.left, box.right);
  root.append(hatch());
  shown.areas.forEach((area, number) => {
    const y = box.top + number * row, name = names[number];
    root.append(el("text", {x: box.left - 8, y: y + row / 2 + 4, "text-anchor": "end"}, name.length > 30 ? name.slice(0, 29) + "\u2026" : name, el("title", {}, name)));
    if (known(area)) root.append(el("rect", {class: shown.gapFilled[number] === "1" ? "bar filled" : "bar", x: box.left, y: y + 3, width: Math.max(0, x(area) - box.left), height: row - 6}));
    root.append(el("text", {class: "value", x: (known(area) ? x(area) : box.left) + 6, y: y + row / 2 + 4}, known(area) ? amount(area) : "none"));
  });
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}`}));
  host.append(root);
}

function barsUpright(host, shown) {
  const {root, box} = figure(host, 220, [22, 4, 24, 48], `Areas in ${plural(shown.areas.length, "run")}`);
  const top = Math.max(...shown.areas.map(area => area || 0)) || 1, step = (box.right - box.left) / shown.areas.length;
  const y = scale(0, top, box.bottom, box.top);
  root.append(hatch());
  shown.areas.forEach((area, number) => {
    if (!known(area)) return;
    const run = data.runs[data.axis[number]], filled = shown.gapFilled[number] === "1", wide = shown.areas.length <= 120;
    root.append(el("rect", {class: filled && wide ? "bar filled" : "bar", opacity: filled && !wide ? 0.35 : null, x: box.left + number * step,
      y: y(area), width: Math.max(0.5, step - (step > 3 ? 1 : 0)), height: box.bottom - y(area)},
      el("title", {}, `${run.name}${run.type ? ` (${run.type})` : ""}: ${amount(area)}${filled ? ", gap-filled" : ""}`)));
  });
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}`}),
    el("text", {x: box.left - 6, y: box.top + 4, "text-anchor": "end"}, amount(top)),
    el("text", {x: box.right, y: box.bottom + 16, "text-anchor": "end"}, "runs in the order of the sheet"));
  host.append(root);
}
