// The page's data, and what every figure is made of: elements, numbers, axes.

const data = JSON.parse(document.getElementById("campaign").textContent);
const features = data.features;
const nFeatures = features.id.length;
const levels = data.levels;
const term = key => data.terms[key][0];
/** Places of the fields of a candidate and of a library hit. */
const C = Object.fromEntries(data.candidateFields.map((name, place) => [name, place]));
const H = Object.fromEntries(data.hitFields.map((name, place) => [name, place]));
let chosen = -1;

const svgNames = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "title", "defs", "pattern", "image"]);

/** An element with attributes; children are elements or text, never markup. */
function el(tag, attributes = {}, ...children) {
  const node = svgNames.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

const known = value => value !== null && value !== undefined;
const fixed = (value, digits) => known(value) ? value.toFixed(digits).replace("-", "\u2212") : "";
const signed = (value, digits) => known(value) ? (value > 0 ? "+" : "") + fixed(value, digits) : "";
const minutes = seconds => known(seconds) ? (seconds / 60).toFixed(3) : "";
const short = new Intl.NumberFormat("en", {notation: "compact", maximumSignificantDigits: 3});
/** Three digits with an SI prefix: 54.7k. */
const amount = value => known(value) ? short.format(value).replace("K", "k").replace("B", "G") : "";
const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
/** Nominal mass: an accurate m/z is at most 0.3 below and 0.7 above it. */
const nominal = mass => Math.floor(mass + 0.3);
const runName = place => data.runs[place].name;
/** A run with its type, unless it is a sample or its name says the type. */
const runTitle = place => {
  const {name, type} = data.runs[place];
  return type && type !== "sample" && !name.toLowerCase().includes(type) ? `${name} (${type.replace("_", " ")})` : name;
};
const mostColors = 8;  // --series-0 to --series-7 of page.css
/** Runs are told apart by color and, in print and for the color-blind, by dashes. */
const dashes = ["none", "7 3", "2 3", "9 3 2 3", "none", "7 3", "2 3", "9 3 2 3"];
const lineStyle = number => ({style: `stroke:var(--series-${number % mostColors})`, "stroke-dasharray": dashes[number % dashes.length]});
const cut = (text, most) => text.length > most ? text.slice(0, most - 1) + "\u2026" : text;

/** Nominal mass of a molecular formula by the most abundant isotopes; null if it has another element. */
function nominalMass(formula) {
  const masses = {C: 12, H: 1, N: 14, O: 16, F: 19, Si: 28, P: 31, S: 32, Cl: 35, Br: 79, I: 127, B: 11, Se: 80, D: 2};
  let sum = 0;
  for (const [, element, count] of formula.matchAll(/([A-Z][a-z]?)(\d*)/g)) {
    if (!(element in masses)) return null;
    sum += masses[element] * Number(count || 1);
  }
  return sum;
}

/** A line below colored samples that says what each of them is. */
function legend(entries) {
  return el("ul", {class: "lines"}, entries.map(([style, text]) => el("li", {},
    el("svg", {viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true", class: "sample"}, el("path", {d: "M0 4H26", fill: "none", "stroke-width": 2, ...style})), text)));
}

/** Times in minutes from differences in hundredths of a second. */
function times(steps) {
  let sum = 0;
  return steps.map(step => (sum += step) / 6000);
}

/** Places from differences to the last place; null gives -1. */
function places(steps) {
  let last = 0;
  return steps.map(step => known(step) ? (last += step) : -1);
}

/** Places and texts of the ticks of an axis; those of a count are whole numbers. */
function ticks(low, high, most, whole = false) {
  const rough = Math.max((high - low) / Math.max(most, 1), whole ? 1 : 0);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough) || rough;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push([at, fixed(at, digits)]);
  return found;
}

const scale = (low, high, from, to) => value => from + (value - low) / ((high - low) || 1) * (to - from);

/** An empty figure as wide as its place. `box` is the plotting area. */
function figure(host, height, margin, label, attributes = {}) {
  const width = Math.max(280, Math.floor(host.clientWidth) || 600);
  const root = el("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label, ...attributes});
  const box = {left: margin[3], right: width - margin[1], top: margin[0], bottom: height - margin[2]};
  return {root, width, box};
}

function axisX(root, box, x, low, high, name, whole = false) {
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.bottom}H${box.right}`}));
  for (const [at, text] of ticks(low, high, (box.right - box.left) / 80, whole)) {
    root.append(el("path", {class: "axis", d: `M${x(at)} ${box.bottom}v4`}));
    root.append(el("text", {x: x(at), y: box.bottom + 16, "text-anchor": "middle"}, text));
  }
  if (name) root.append(el("text", {x: box.right, y: box.bottom + 31, "text-anchor": "end"}, name));
}

function axisY(root, box, y, low, high, name, most = 4) {
  for (const [at, text] of ticks(low, high, most)) {
    root.append(el("path", {class: "axis", d: `M${box.left} ${y(at)}h-4`}));
    root.append(el("text", {x: box.left - 7, y: y(at) + 4, "text-anchor": "end"}, text));
  }
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}`}));
  if (name) root.append(el("text", {x: box.left - 7, y: box.top - 8}, name));
}
