const EXAMPLE = "39 130\n50 159\n51 188\n52 195\n63 29\n74 40\n76 28\n77 155\n78 1000\n79 64";
const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const ended = ["completed", "failed", "cancelled"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => { if (typeof value === "function") made.addEventListener(key, value); else if (value !== null) made.setAttribute(key, value); });
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// The pairs of numbers in a text, for the plot and for SpecTUS alone; the server reads what is identified.
function pairs(text) {
  const mz = [], intensity = [];
  text.split(/\r?\n/).forEach((line) => {
    if (/^\s*[A-Za-z#][^:=]*[:=]/.test(line) || /[A-Za-z]{2}/.test(line)) return;
    for (const entry of line.split(";")) {
      const words = entry.trim().split(/[\s,:]+/).filter(Boolean).map(Number);
      for (let k = 0; k + 1 < words.length; k += 2) if (words[k] > 0 && words[k + 1] > 0) { mz.push(words[k]); intensity.push(words[k + 1]); }
    }
  });
  return { mz, intensity };
}

function plot() {
  const svg = at("plot"), found = pairs(at("peaks").value);
  if (!found.mz.length) {
    svg.innerHTML = `<path class="axis" d="M0 210H480"/>`;
    return;
  }
  const low = Math.min(...found.mz) - 5, high = Math.max(...found.mz) + 5, base = Math.max(...found.intensity);
  const x = (mass) => 10 + 460 * (mass - low) / (high - low), y = (height) => 210 - 185 * height / base;
  const sticks = found.mz.map((mass, i) => `M${x(mass).toFixed(1)} 210V${y(found.intensity[i]).toFixed(1)}`).join("");
  const highest = found.mz.map((mass, i) => [found.intensity[i], mass]).sort((a, b) => b[0] - a[0]);
  const named = [];
  for (const [height, mass] of highest) {
    if (named.length < 12 && named.every((other) => Math.abs(x(other[1]) - x(mass)) > 24)) named.push([height, mass]);
  }
  svg.innerHTML = `<path class="axis" d="M0 210H480"/><path class="line query stick" d="${sticks}"/>` + named.map(
    ([height, mass]) => `<text x="${x(mass).toFixed(1)}" y="${(y(height) - 5).toFixed(1)}" text-anchor="middle">${+mass.toFixed(2)}</text>`
  ).join("") + `<text x="480" y="230" text-anchor="end">m/z</text>`;
}

async function request(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

const post = (path, body) => request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

async function settled(path) {
  for (let pause = 100; ; pause = Math.min(2 * pause, 2000)) {
    const answer = await request(path);
    if (ended.includes(answer.status)) return answer;
    at("state").textContent = answer.status;
    await wait(pause);
  }
}

async function identify() {
  const { jobs } = await post("identifications", { text: at("peaks").value, denovo: at("denovo").checked });
  const parts = jobs.map((job) => element("article", {}, element("h3", {}, job.name), element("p", { class: "soft" }, job.status,
    " ", element("button", { type: "button", click: () => request(`identifications/${job.id}`, { method: "DELETE" }).catch((error) => { at("state").textContent = error.message; }) }, "Cancel"))));
  at("structures").replaceChildren(...parts);
  for (const [place, job] of jobs.entries()) {
    const answer = await settled(`identifications/${job.id}`);
    parts[place].replaceChildren(element("h3", {}, job.name), ...candidates(answer));
  }
}

const number = (value, digits) => value === null || value === undefined ? "" : value.toFixed(digits).replace("-", "\u2212");
const sources = { library: "measured library", predicted: "predicted library", model: "de novo", edit: "edited structure", none: "" };
const columns = [
  ["Probability", "probability", (value) => number(value, 3)], ["Level", "level", String], ["Formula", "formula", String], ["CAS", "cas", String],
  ["Source", "source", (value) => value.split("+").map((name) => sources[name] ?? name).join(", ")],
  ["Library score", "library_score", (value) => number(value, 3)], ["Predicted score", "predicted_score", (value) => number(value, 3)],
  ["Explained", "explained", (value) => number(value, 2)], ["\u0394RI", "ri_delta", (value) => number(value, 1)],
];

function candidates({ candidates: rows, reason, note, status }) {
  if (!rows) return [element("p", { class: "note" }, reason || status)];
  const known = rows.filter((row) => row.source);
  const shown = columns.filter(([, key]) => known.some((row) => row[key] !== null && row[key] !== undefined));
  const cell = (row) => element("td", {}, row.smiles ? element("img", { src: `structures.svg?smiles=${encodeURIComponent(row.smiles)}`, alt: "" }) : "",
    element("div", {}, (row.name || "").replace(/(\S)#\d+$/, "$1"), row.derivative ? ` (as ${row.derivative})` : "", row.excluded ? element("strong", {}, ` Excluded: ${row.excluded}`) : null), element("div", { class: "smiles" }, row.smiles || ""));
  const body = known.map((row) => element("tr", { class: row.in_set_90 ? "in-set" : null }, element("td", {}, row.source === "none" ? "" : String(row.rank)), cell(row),
    ...shown.map(([, key, text]) => element("td", {}, row[key] === null || row[key] === undefined ? "" : text(row[key])))));
  return [
    ...[note, ...rows.filter((row) => row.reason).map((row) => row.reason)].filter(Boolean).map((text) => element("p", { class: "note" }, text)),
    body.length ? element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of candidates" }, element("table", {},
      element("thead", {}, element("tr", {}, ...["Rank", "Candidate", ...shown.map(([head]) => head)].map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...body))) : element("p", { class: "empty" }, "No candidate."),
    known.some((row) => row.in_set_90) ? element("p", { class: "soft" }, "Marked rows: the prediction set, which contains the right structure with a probability of 90 %. Probabilities are calibrated; the last row stands for all structures that are not listed.") : null,
  ].filter(Boolean);
}

async function predict() {
  const body = { ...pairs(at("peaks").value), num_candidates: Number(at("candidates").value) };
  if (!body.mz.length) throw new Error("the spectrum has no peaks");
  const formula = at("formula").value.trim();
  if (formula) body.formula = formula;
  const { id } = await post("predictions", body);
  const answer = await settled(`predictions/${id}`);
  if (answer.status === "failed") throw new Error(answer.reason);
  const figures = Object.entries(answer.result).sort((a, b) => b[1] - a[1]).map(([smiles, confidence], place) => {
    const share = confidence >= 0.001 ? `${(100 * confidence).toFixed(1)} %` : confidence.toExponential(1);
    return element("figure", {}, element("img", { src: `structures.svg?smiles=${encodeURIComponent(smiles)}`, alt: "" }),
      element("figcaption", {}, element("b", {}, `${place + 1}. ${share} `), element("span", { class: "smiles" }, smiles)));
  });
  at("structures").replaceChildren(...(answer.note ? [element("p", { class: "note" }, answer.note)] : []),
    element("p", {}, "SpecTUS alone, not an identification."), element("div", { class: "structures" }, ...figures));
}

async function act(what) {
  at("submit").disabled = at("predict").disabled = true;
  at("structures").replaceChildren(element("p", { class: "empty" }, "The spectrum was sent."));
  at("state").textContent = "sent";
  try {
    await what();
    at("state").textContent = "";
  } catch (error) {
    at("state").textContent = error.message;
    at("structures").replaceChildren(element("p", { class: "empty" }, "There is no result."));
  } finally {
    at("submit").disabled = at("predict").disabled = false;
  }
}

async function take(file) {
  if (!file) return;
  at("peaks").value = await file.text();
  plot();
}

at("form").addEventListener("submit", (event) => { event.preventDefault(); act(identify); });
at("predict").addEventListener("click", () => act(predict));
at("file").addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
at("peaks").addEventListener("dragover", (event) => event.preventDefault());
at("peaks").addEventListener("drop", (event) => { if (event.dataTransfer.files.length) { event.preventDefault(); take(event.dataTransfer.files[0]); } });
at("peaks").addEventListener("input", plot);
at("example").addEventListener("click", () => { at("peaks").value = EXAMPLE; plot(); });
document.querySelectorAll(".origin").forEach((span) => { span.textContent = location.origin; });
plot();
