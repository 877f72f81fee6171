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

const svgNames = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "title", "defs", "pattern"]);

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

/** Times in minutes from differences in hundredths of a second. */
function times(steps) {
  let sum = 0;
  return steps.map(step => (sum += step) / 6000);
}

function ticks(low, high, most) {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough) || rough;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push([at, at.toFixed(digits)]);
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

function axisX(root, box, x, low, high, name) {
  root.append(el("path", {class: "axis", d: `M${box.left} ${box.bottom}H${box.right}`}));
  for (const [at, text] of ticks(low, high, (box.right - box.left) / 80)) {
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
