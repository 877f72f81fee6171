// Figures of one feature: mirror plot, isotope pattern, areas.

/**
 * The spectrum upwards and, where there is one, a reference spectrum downwards.
 *
 * Peaks that the candidate explains carry the formula of their ion.
 */
function mirrorPlot(host, reading, {shown, reference, candidate}) {
  const [mz, heights] = shown.spectrum, library = reference && reference.spectrum;
  if (!mz.length) {
    host.append(el("p", {class: "empty"}, "The spectrum has no peaks."));
    reading.textContent = "";
    return;
  }
  const ions = new Map();
  const explained = candidate && candidate[C.peaks];
  if (explained) explained[0].forEach((mass, place) => ions.set(nominal(mass), explained[1][place]));
  const masses = library ? [...mz, ...library[0]] : mz;
  const low = Math.min(...masses) - 8, high = Math.max(...masses) + 8;
  const label = library ? `Mirror plot: the feature above, the ${reference.kind} spectrum of ${reference.name} below` : "Mass spectrum of the feature";
  const extra = ions.size ? 16 : 0;
  const {root, box} = figure(host, (library ? 380 : 240) + extra, [26 + extra, 6, 40, 6], label, {class: "chart"});
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
    const query = kind === "query";
    for (const i of labelled(masses, heights, x, query ? ions : new Map())) {
      const at = Math.min(Math.max(x(masses[i]), box.left + 12), box.right - 12), ion = query && ions.get(nominal(masses[i]));
      root.append(el("text", {class: "value", x: at, "text-anchor": "middle", y: y(heights[i]) + (query ? (ion ? -16 : -4) : 12)}, String(Number(masses[i].toFixed(2)))));
      if (ion) root.append(el("text", {class: "ion", x: at, "text-anchor": "middle", y: y(heights[i]) - 4}, ionText(ion)));
    }
  };
  side(mz, heights, library && library[0], up, "query");
  if (library) side(library[0], library[1], mz, down, "library");
  root.append(el("text", {class: "name", x: box.left, y: 12}, "Measured: the feature"));
  if (library) root.append(el("text", {class: "name", x: box.left, y: box.bottom + 34}, caption(reference)));
  const accurate = shown.accurate;
  root.addEventListener("pointermove", event => {
    const at = low + (pointerX(root, event) - box.left) / (box.right - box.left) * (high - low);
    const near = ([list]) => list.reduce((best, mass, i) => Math.abs(mass - at) < Math.abs(list[best] - at) ? i : best, 0);
    const say = (name, pair) => { const i = near(pair); return `${name} m/z ${pair[0][i]}, ${(pair[1][i] / 10).toFixed(1)} %`; };
    const mass = mz[near([mz])], ion = ions.get(nominal(mass));
    const exact = accurate ? accurate[1].filter((_, i) => accurate[0][i] === mass).map(value => value.toFixed(4)) : [];
    reading.textContent = say("Feature", [mz, heights]) + (exact.length ? ` (measured ${exact.join(", ")})` : "") + (ion ? `, ${ionText(ion)}` : "") + (library ? `; ${reference.kind} ${say("", library).trim()}` : "");
  });
  const hint = [library ? "Pale: peaks that the other spectrum lacks." : "", ions.size ? `Formulas: ions of candidate ${candidate[C.rank]} that explain the peaks.` : ""].filter(Boolean).join(" ");
  root.addEventListener("pointerleave", () => { reading.textContent = hint; });
  reading.textContent = hint;
  host.append(root);
}

/** A formula as an ion: with a plus sign, unless it has one, before the mark of a heavier isotope such as +1. */
const ionText = formula => {
  const [, ion, isotope] = /^(.*?)( \+\d+)?$/.exec(formula);
  return `${ion.replace(/[+\u207a]$/, "")}\u207a${isotope || ""}`;
};

function caption({kind, name}) {
  return cut(`${kind[0].toUpperCase()}${kind.slice(1)}: ${name}`, 60);
}

/** The tall peaks whose labels have room: no taller peak within their width, no label over another. */
function labelled(masses, heights, x, ions) {
  const order = masses.map((_, i) => i).sort((a, b) => heights[b] - heights[a]).slice(0, 40);
  const found = [];
  const width = i => Math.max(String(Number(masses[i].toFixed(2))).length, ions.has(nominal(masses[i])) ? ions.get(nominal(masses[i])).length + 1 : 0) * 3.3 + 4;
  const tall = ions.size ? 180 : 90;  // thousandths of the height: a label of one or two lines
  for (const i of order) {
    if (heights[i] < 40 || found.length >= 12) break;
    const room = width(i);
    const hidden = masses.some((mass, j) => j !== i && Math.abs(x(mass) - x(masses[i])) < room && heights[j] > heights[i]);
    const crowded = found.some(j => Math.abs(x(masses[j]) - x(masses[i])) < room + width(j) && Math.abs(heights[j] - heights[i]) < tall);
    if (!hidden && !crowded) found.push(i);
  }
  return found;
}

/** Abundances of the isotopes at 0, 1, 2 ... Da above the lightest one, IUPAC 2013. */
const isotopes = {
  C: [0.9893, 0.0107], H: [0.999885, 0.000115], N: [0.99636, 0.00364], O: [0.99757, 0.00038, 0.00205], F: [1], P: [1], I: [1],
  Si: [0.92223, 0.04685, 0.03092], S: [0.9499, 0.0075, 0.0425, 0, 0.0001], Cl: [0.7576, 0, 0.2424], Br: [0.5069, 0, 0.4931],
};
const patternPeaks = 5;  // M to M+4; higher ones are below a thousandth without many halogens

/** Numbers of atoms of a formula with the groups of a derivative; null if an element has no pattern here. */
function atoms(formula, derivative) {
  const counts = {};
  const add = (element, number) => { counts[element] = (counts[element] || 0) + number; };
  for (const [, element, number] of formula.matchAll(/([A-Z][a-z]?)(\d*)/g)) add(element, Number(number || 1));
  for (const [, number, group] of (derivative || "").matchAll(/(\d*)\s*(TMS|MeOx)/gi)) {
    // A trimethylsilyl group replaces a hydrogen; O of a carbonyl group becomes N-O-CH3.
    const groups = group.toUpperCase() === "TMS" ? {C: 3, H: 8, Si: 1} : {C: 1, H: 3, N: 1};
    for (const [element, each] of Object.entries(groups)) add(element, each * Number(number || 1));
  }
  return Object.keys(counts).every(element => element in isotopes) ? counts : null;
}

function isotopeShares(counts) {
  let pattern = [1];
  for (const [element, number] of Object.entries(counts)) {
    for (let atom = 0; atom < number; atom++) {
      const next = new Array(patternPeaks).fill(0);
      pattern.forEach((share, i) => isotopes[element].forEach((part, j) => { if (i + j < patternPeaks) next[i + j] += share * part; }));
      pattern = next;
    }
  }
  return pattern;
}

/** Theory against measurement of the molecular ion's isotopes, as shares of their sum. */
function isotopePattern(host, [mz, heights], candidate) {
  const counts = candidate[C.formula] ? atoms(candidate[C.formula], candidate[C.derivative]) : null;
  if (!counts) return;
  const formula = Object.entries(counts).map(([element, number]) => element + (number > 1 ? number : "")).join("");
  const mass = nominalMass(formula);
  const seen = Array.from({length: patternPeaks}, (_, k) => mz.reduce((sum, value, i) => sum + (nominal(value) === mass + k ? heights[i] : 0), 0));
  const box = el("div", {class: "isotopes"});
  host.append(box);
  if (!seen[0]) {
    box.append(el("p", {class: "soft"}, `The spectrum has no molecular ion of candidate ${candidate[C.rank]} (m/z ${mass}${candidate[C.derivative] ? ` as ${candidate[C.derivative]}` : ""}).`));
    return;
  }
  const theory = isotopeShares(counts), total = list => list.reduce((sum, value) => sum + value, 0);
  const width = 260, {root, box: area} = {root: el("svg", {viewBox: `0 0 ${width} 108`, width, height: 108, role: "img",
    "aria-label": `Isotope pattern of the molecular ion, m/z ${mass} to ${mass + patternPeaks - 1}: measured ${seen.map(value => (100 * value / total(seen)).toFixed(0)).join(", ")} %, theory ${theory.map(value => (100 * value / total(theory)).toFixed(0)).join(", ")} %`}), box: {left: 6, right: width - 6, top: 8, bottom: 88}};
  const step = (area.right - area.left) / patternPeaks, y = scale(0, Math.max(...theory.map(value => value / total(theory)), ...seen.map(value => value / total(seen))), area.bottom, area.top);
  for (let k = 0; k < patternPeaks; k++) {
    const x = area.left + (k + 0.5) * step;
    root.append(el("rect", {class: "bar", x: x - 9, width: 8, y: y(seen[k] / total(seen)), height: area.bottom - y(seen[k] / total(seen))}),
      el("rect", {class: "theory", x: x + 1, width: 8, y: y(theory[k] / total(theory)), height: area.bottom - y(theory[k] / total(theory))}),
      el("text", {x, y: area.bottom + 15, "text-anchor": "middle"}, String(mass + k)));
  }
  root.append(el("path", {class: "axis", d: `M${area.left} ${area.bottom}H${area.right}`}));
  box.append(el("div", {}, el("h4", {}, `Isotopes of the molecular ion of candidate ${candidate[C.rank]}`), root),
    el("p", {class: "soft"}, `Left bars: measured. Right bars: theory of ${formula}${candidate[C.derivative] ? ` (${candidate[C.derivative]})` : ""}. Peaks of the same m/z from other fragments are not subtracted.`));
}

function hatch() {
  return el("defs", {}, el("pattern", {id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"},
    el("path", {d: "M0 0V5", stroke: "var(--accent)", "stroke-width": 2})));
}

function barsAcross(host, shown) {
  const names = data.axis.map(runTitle);
  const longest = Math.min(30, Math.max(...names.map(name => name.length)));
  const space = longest * 6.4 + 12, row = shown.areas.length > 12 ? 19 : 25;
  const {root, box} = figure(host, shown.areas.length * row + 6, [2, 60, 4, space], "Areas by run");
  const x = scale(0, Math.max(...shown.areas.map(area => area || 0)) || 1, box.left, box.right);
  root.append(hatch());
  shown.areas.forEach((area, number) => {
    const y = box.top + number * row, name = names[number];
    root.append(el("text", {x: box.left - 8, y: y + row / 2 + 4, "text-anchor": "end"}, cut(name, 30), el("title", {}, name)));
    if (known(area)) root.append(el("rect", {class: shown.gapFilled[number] ? "bar filled" : "bar", x: box.left, y: y + 3, width: Math.max(0, x(area) - box.left), height: row - 6}));
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
    const run = data.runs[data.axis[number]], filled = shown.gapFilled[number], wide = shown.areas.length <= 120;
    root.append(el("rect", {class: filled && wide ? "bar filled" : "bar", opacity: filled && !wide ? 0.35 : null, x: box.left + number * step,
      y: y(area), width: Math.max(0.5, step - (step > 3 ? 1 : 0)), height: box.bottom - y(area)},
      el("title", {}, `${run.name}${run.type ? ` (${run.type})` : ""}: ${amount(area)}${filled ? ", gap-filled" : ""}`)));
  });
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}`}),
    el("text", {x: box.left - 6, y: box.top + 4, "text-anchor": "end"}, amount(top)),
    el("text", {x: box.right, y: box.bottom + 16, "text-anchor": "end"}, "runs in the order of the sheet"));
  host.append(root);
}
