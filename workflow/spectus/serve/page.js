const EXAMPLE = "39 130\n50 159\n51 188\n52 195\n63 29\n74 40\n76 28\n77 155\n78 1000\n79 64";
const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  Object.assign(made, attributes);
  return made;
}

// Reads lines of two numbers, or several pairs per line separated by semicolons. Lines like "Name: benzene" are skipped.
function peaks(text) {
  const mz = [], intensity = [];
  text.split(/\r?\n/).forEach((line, place) => {
    if (/^\s*[A-Za-z#][^:]*:/.test(line)) return;
    for (const entry of line.split(";")) {
      const words = entry.trim().split(/[\s,:]+/).filter(Boolean);
      if (!words.length) continue;
      const [mass, height] = words.slice(0, 2).map(Number);
      if (!(mass > 0) || !(height >= 0)) throw new Error(`line ${place + 1} is not a peak: ${entry.trim().slice(0, 40)}`);
      if (height > 0) { mz.push(mass); intensity.push(height); }
    }
  });
  return { mz, intensity };
}

function plot() {
  const svg = at("plot"), marks = [];
  let found = { mz: [], intensity: [] };
  try { found = peaks(at("peaks").value); } catch { /* the error is shown when the form is sent */ }
  if (found.mz.length) {
    const low = Math.min(...found.mz) - 5, high = Math.max(...found.mz) + 5, base = Math.max(...found.intensity);
    const x = (mass) => 10 + 460 * (mass - low) / (high - low), y = (height) => 210 - 185 * height / base;
    marks.push(found.mz.map((mass, i) => `M${x(mass).toFixed(1)} 210V${y(found.intensity[i]).toFixed(1)}`).join(""));
    const highest = found.mz.map((mass, i) => [found.intensity[i], mass]).sort((a, b) => b[0] - a[0]);
    const named = [];
    for (const [height, mass] of highest) {
      if (named.length < 12 && named.every((other) => Math.abs(x(other[1]) - x(mass)) > 24)) named.push([height, mass]);
    }
    svg.innerHTML = `<path class="axis" d="M0 210H480"/><path class="line query stick" d="${marks[0]}"/>` + named.map(
      ([height, mass]) => `<text x="${x(mass).toFixed(1)}" y="${(y(height) - 5).toFixed(1)}" text-anchor="middle">${+mass.toFixed(2)}</text>`
    ).join("") + `<text x="480" y="230" text-anchor="end">m/z</text>`;
  } else {
    svg.innerHTML = `<path class="axis" d="M0 210H480"/>`;
  }
}

async function request(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

async function predict() {
  const body = { ...peaks(at("peaks").value), num_candidates: Number(at("candidates").value) };
  if (!body.mz.length) throw new Error("the spectrum has no peaks");
  const formula = at("formula").value.trim();
  if (formula) body.formula = formula;
  const { id } = await request("predictions", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  for (let pause = 100; ; pause = Math.min(2 * pause, 2000)) {
    const answer = await request(`predictions/${id}`);
    if (answer.status === "completed") return answer.result;
    if (answer.status === "failed") throw new Error(answer.reason);
    at("state").textContent = answer.status;
    await wait(pause);
  }
}

function show(result) {
  const figures = Object.entries(result).sort((a, b) => b[1] - a[1]).map(([smiles, confidence], place) => {
    const figure = element("figure");
    const share = confidence >= 0.001 ? `${(100 * confidence).toFixed(1)} %` : confidence.toExponential(1);
    figure.append(element("img", "", { src: `structures.svg?smiles=${encodeURIComponent(smiles)}`, alt: "" }));
    const caption = element("figcaption");
    caption.append(element("b", `${place + 1}. ${share} `), element("span", smiles, { className: "smiles" }));
    figure.append(caption);
    return figure;
  });
  at("structures").replaceChildren(...figures);
}

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("submit").disabled = true;
  at("state").textContent = "sent";
  try {
    show(await predict());
    at("state").textContent = "";
  } catch (error) {
    at("state").textContent = error.message;
  } finally {
    at("submit").disabled = false;
  }
});
at("peaks").addEventListener("input", plot);
at("example").addEventListener("click", () => { at("peaks").value = EXAMPLE; plot(); });
document.querySelectorAll(".origin").forEach((span) => { span.textContent = location.origin; });
plot();
