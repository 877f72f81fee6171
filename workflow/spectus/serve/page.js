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

// The spectra of the text, as the server reads them.
const read = async () => (await post("spectra", { text: at("peaks").value })).spectra;
let plotted = 0, timer = 0;

// Draws the first spectrum once the text has rested.
function plotSoon() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const number = ++plotted;
    const found = at("peaks").value.trim() ? await read().catch(() => []) : [];
    if (number === plotted) plot(found.length ? found[0] : { mz: [], intensity: [] });
  }, 250);
}

function plot(found) {
  const svg = at("plot");
  if (!found.mz.length) {
    svg.replaceChildren();
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

async function request(path, options = {}) {
  const token = at("token").value.trim();
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    at("access").hidden = false;
    at("token").focus();
    throw new Error(token ? "the server does not know this token" : "the server needs a token; ask the person who runs it");
  }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

const post = (path, body) => request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

async function settled(path, gone = () => false) {
  for (let pause = 100; ; pause = Math.min(2 * pause, 2000)) {
    const answer = gone() ? { status: "cancelled" } : await request(path).catch((error) => { if (gone()) return { status: "cancelled" }; throw error; });
    if (ended.includes(answer.status)) return answer;
    at("state").textContent = answer.status;
    await wait(pause);
  }
}

async function identify() {
  const { jobs } = await post("identifications", { text: at("peaks").value, denovo: at("denovo").checked });
  const gone = new Set();
  const cancel = (id) => { gone.add(id); request(`identifications/${id}`, { method: "DELETE" }).catch((error) => { at("state").textContent = error.message; }); };
  const parts = jobs.map((job) => element("article", {}, element("h3", {}, job.name), element("p", { class: "soft" }, job.status,
    " ", element("button", { type: "button", click: () => cancel(job.id) }, "Cancel"))));
  at("structures").replaceChildren(...parts);
  for (const [place, job] of jobs.entries()) {
    const answer = await settled(`identifications/${job.id}`, () => gone.has(job.id));
    parts[place].replaceChildren(element("h3", {}, job.name), ...candidates(answer));
  }
}

const isRun = (file, start) => /\.(cdf|nc|mzml|mzxml|ms|zip|raw|wiff)(\.gz)?$/i.test(file.name) || /^(CDF[\x01\x02\x05]|.HDF\r\n|PK\x03\x04|\x01\x32\x00\x00)/.test(start)
  || /<(indexedmzML|mzML|mzXML|msRun)[\s>]/.test(start);

async function identifyRun(file, name) {
  const query = new URLSearchParams({ name, denovo: at("denovo").checked });
  at("state").textContent = `${name} is sent`;
  const { id } = await request(`runs?${query}`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
  let stopped = false;
  const stop = element("button", { type: "button", click: () => { stopped = true; request(`runs/${id}`, { method: "DELETE" }).catch(() => {}); } }, "Cancel");
  const table = element("div"), said = element("p", { class: "soft" }), chosen = element("article");
  at("structures").replaceChildren(element("h3", {}, name), element("p", {}, stop), said, table, chosen);
  for (let pause = 300; ; pause = Math.min(1.5 * pause, 3000)) {
    const run = await request(`runs/${id}`).catch((error) => { if (stopped) return null; throw error; });
    if (!run) break;
    at("state").textContent = said.textContent = `${name}: ${run.progress}`;
    if (run.reason) throw new Error(run.reason);
    if (run.components) table.replaceChildren(...runTable(run, chosen));
    const open = !["completed", "cancelled"].includes(run.status) || (run.components || []).some((each) => ["queued", "running"].includes(each.status));
    if (stopped || !open) break;
    await wait(pause);
  }
  stop.remove();
  if (stopped) said.textContent = `${name}: cancelled`;
}

function runTable(run, chosen) {
  if (!run.components.length) return [element("p", { class: "empty" }, "The run has no components.")];
  const show = async (each) => {
    const answer = await request(`identifications/${each.identification}`);
    chosen.replaceChildren(element("h3", {}, `Component ${each.component}, ${(each.rt_s / 60).toFixed(2)} min`), ...candidates(answer));
    chosen.scrollIntoView({ behavior: "smooth", block: "start" });
  };
  const name = (each) => {
    if (!each.identification) return "not asked for";
    if (each.status !== "completed") return each.status;
    return element("button", { type: "button", class: "link", click: () => show(each).catch((error) => { at("state").textContent = error.message; }) }, each.name || each.smiles || "no candidate");
  };
  const heads = ["Retention time, min", "First candidate", "Probability", "Level", "Area", "S/N", "Confidence"];
  const rows = run.components.map((each) => element("tr", {}, ...[
    (each.rt_s / 60).toFixed(2), name(each), number(each.probability, 3), each.level || "", each.area === null ? "" : each.area.toLocaleString("en", { maximumSignificantDigits: 3 }), number(each.snr, 0), number(each.confidence, 2),
  ].map((cell) => element("td", {}, cell))));
  return [...(run.note ? [element("p", { class: "note" }, run.note)] : []), element("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Components of the run" },
    element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows)))];
}

const number = (value, digits) => value === null || value === undefined ? "" : value.toFixed(digits).replace("-", "\u2212");
const sources = { library: "measured library", predicted: "predicted library", model: "de novo", edit: "edited structure", none: "" };
const columns = [
  ["Probability", "probability", (value) => value !== null && value < 0.0005 ? "<0.001" : number(value, 3)], ["Level", "level", String], ["Formula", "formula", String], ["CAS", "cas", String],
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
  const [{ mz, intensity }] = await read();
  const body = { mz, intensity, num_candidates: Number(at("candidates").value) };
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

async function take(file, name = file && file.name) {
  if (!file) return;
  const start = new TextDecoder("latin1").decode(await file.slice(0, 400).arrayBuffer());
  if (isRun(file, start)) { act(() => identifyRun(file, name.replace(/(\.(cdf|nc|mzml|mzxml|jdx|dx|ms|zip|d|gz))+$/i, "") || name)); return; }
  at("peaks").value = await file.text();
  plotSoon();
}

// The mass spectra of an Agilent folder, and what the run is called; other folders are sent as an archive.
async function takeFolder(folder) {
  const entries = await new Promise((done, failed) => folder.createReader().readEntries(done, failed));
  const found = entries.find((entry) => entry.isFile && entry.name.toLowerCase() === "data.ms");
  if (!found) throw new Error(`${folder.name} has no data.ms; pack the folder as a zip archive and drop that`);
  take(await new Promise((done, failed) => found.file(done, failed)), folder.name);
}

function drop(transfer) {
  const entry = transfer.items.length && transfer.items[0].webkitGetAsEntry && transfer.items[0].webkitGetAsEntry();
  if (entry && entry.isDirectory) takeFolder(entry).catch((error) => { at("state").textContent = error.message; });
  else take(transfer.files[0]);
}

at("form").addEventListener("submit", (event) => { event.preventDefault(); act(identify); });
at("predict").addEventListener("click", () => act(predict));
at("file").addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
at("run").addEventListener("change", (event) => { const file = event.target.files[0]; event.target.value = ""; if (file) act(() => identifyRun(file, file.name.replace(/(\.(cdf|nc|mzml|mzxml|jdx|dx|ms|zip|d|gz))+$/i, "") || file.name)); });
at("peaks").addEventListener("dragover", (event) => event.preventDefault());
at("peaks").addEventListener("drop", (event) => { if (event.dataTransfer.files.length) { event.preventDefault(); drop(event.dataTransfer); } });
at("peaks").addEventListener("input", plotSoon);
at("example").addEventListener("click", () => { at("peaks").value = EXAMPLE; plotSoon(); });
document.querySelectorAll(".origin").forEach((span) => { span.textContent = location.origin; });
plotSoon();
