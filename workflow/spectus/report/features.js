// The table of features: sorted, filtered, chosen from by mouse and keyboard.

function title(i) {
  return features.name[i] || features.smiles[i] || "not identified";
}

function levelMark(level) {
  return level ? el("span", {class: `level level-${level}`, title: levels[level]}, level) : "";
}

function nameCell(i) {
  if (features.name[i]) return features.name[i];
  return features.smiles[i] ? el("span", {class: "smiles"}, features.smiles[i]) : el("span", {class: "soft"}, "\u2013");
}

/** The area over the runs, one bar a run, as many as fit. */
function sparkline(i) {
  const detail = data.details[i];
  if (!detail) return "";
  const n = detail.areas.length, bins = Math.min(n, 60), step = n > 24 ? 2 : n > 8 ? 5 : 9;
  const top = Math.max(...detail.areas.map(area => area || 0));
  let seen = "", filled = "";
  for (let bin = 0; bin < bins; bin++) {
    const first = Math.floor(bin * n / bins), last = Math.floor((bin + 1) * n / bins);
    let best = first;
    for (let run = first; run < last; run++) if ((detail.areas[run] || 0) > (detail.areas[best] || 0)) best = run;
    const height = top > 0 ? 15 * (detail.areas[best] || 0) / top : 0;
    const path = height > 0 ? `M${bin * step} 16h${step - 1}v${(-Math.max(height, 0.6)).toFixed(1)}h${1 - step}z` : "";
    if (detail.filled[best] === "1") filled += path; else seen += path;
  }
  const said = detail.areas.map((area, run) => `${runName(data.axis[run])} ${known(area) ? amount(area) : "none"}`);
  return el("svg", {class: "spark", viewBox: `0 0 ${bins * step} 16`, width: bins * step, height: 16, role: "img",
    "aria-label": n > 24 ? `areas in ${n} runs` : `areas: ${said.join(", ")}`},
    el("path", {class: "bar", d: seen}), el("path", {class: "bar", d: filled, opacity: 0.4}));
}

const columns = [
  {head: "Feature", value: i => i, cell: i => features.id[i]},
  {head: "RT, min", number: true, value: i => features.rt[i], cell: i => minutes(features.rt[i])},
  {head: "RI", number: true, value: i => features.ri[i], cell: i => fixed(features.ri[i], 0) + (features.outside[i] ? "*" : "")},
  {head: "Runs", number: true, value: i => features.n[i], cell: i => String(features.n[i])},
  {head: "Best candidate", short: true, value: i => features.name[i] || features.smiles[i], cell: nameCell},
  {head: "Source", value: i => features.source[i], cell: i => features.source[i] || ""},
  {head: "Score", number: true, about: "score of the library hit, 0 to 1", value: i => features.score[i], cell: i => fixed(features.score[i], 2)},
  {head: "Judge", number: true, about: "share that the forward model's judge gives it among what it judged, 0 to 1", value: i => features.judged[i], cell: i => fixed(features.judged[i], 2)},
  {head: "ln p", number: true, about: "log probability the model gives the structure", value: i => features.logProb[i], cell: i => fixed(features.logProb[i], 2)},
  {head: "Level", about: "identification level (Schymanski 2014)", value: i => features.level[i], cell: i => levelMark(features.level[i])},
  {head: "Area by run", value: i => data.details[i] ? Math.max(...data.details[i].areas.map(area => area || 0)) : null, cell: sparkline},
];

const table = {
  host: document.getElementById("feature-table"),
  order: [...Array(nFeatures).keys()],
  sorted: 0,
  down: false,
  shown: rowsAtOnce,

  start() {
    this.search = features.id.map((id, i) => [id, features.name[i], features.formula[i], features.smiles[i]].filter(known).join(" ").toLowerCase());
    this.blanks = data.axis.map((run, column) => data.runs[run].type === "blank" ? column : -1).filter(column => column >= 0);
    this.heads = columns.map((column, number) => el("th", {scope: "col", class: column.number ? "number" : null, title: column.about},
      el("button", {class: "plain", type: "button", click: () => this.sort(number)}, column.head)));
    this.body = el("tbody", {class: "rows", click: event => this.clicked(event), keydown: event => this.keyed(event)});
    this.more = el("p", {hidden: true}, el("button", {type: "button", click: () => { this.shown += rowsAtOnce; this.draw(); }}, "Show more"));
    this.host.append(el("table", {"aria-label": "Features", role: "grid"}, el("thead", {}, el("tr", {}, this.heads)), this.body), this.more);
    if (features.outside.some(Boolean)) this.host.after(el("p", {class: "reading"}, "* outside the ladder, extrapolated"));
    for (const id of ["filter", "way", "not-in-blank"]) {
      const control = document.getElementById(id);
      if (control) control.addEventListener("input", () => { this.shown = rowsAtOnce; this.draw(); });
    }
    this.draw();
    const named = features.id.indexOf(decodeURIComponent((location.hash.match(/^#feature=(.*)$/) || [])[1] || ""));
    this.choose(named >= 0 ? named : this.order[0], named >= 0);
  },

  sort(number) {
    this.down = this.sorted === number ? !this.down : false;
    this.sorted = number;
    const value = columns[number].value;
    const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, "en", {numeric: true}) : a - b;
    this.order = [...Array(nFeatures).keys()].map(i => [i, value(i)]).sort(([i, a], [j, b]) =>
      !known(a) || !known(b) ? known(b) - known(a) || i - j : (this.down ? compare(b, a) : compare(a, b)) || i - j).map(([i]) => i);
    this.draw();
  },

  matching() {
    const words = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const way = document.getElementById("way").value;
    const box = document.getElementById("not-in-blank");
    const inBlank = i => data.details[i] && this.blanks.some(run => known(data.details[i].areas[run]) && data.details[i].filled[run] !== "1");
    return this.order.filter(i => words.every(word => this.search[i].includes(word)) &&
      (!way || features.way[i] === way) && !(box && box.checked && inBlank(i)));
  },

  draw() {
    const found = this.matching();
    this.rows = found.slice(0, this.shown);
    this.heads.forEach((head, number) => {
      if (number === this.sorted) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.body.replaceChildren(...this.rows.map(i => el("tr", {"data-feature": i, tabindex: -1, "aria-selected": i === chosen ? "true" : "false"},
      columns.map((column, number) => el(number ? "td" : "th", {scope: number ? null : "row",
        class: column.number ? "number" : column.short ? "short" : null, title: column.short ? features.name[i] || features.smiles[i] : null}, column.cell(i))))));
    if (!this.rows.length) this.body.append(el("tr", {}, el("td", {colspan: columns.length, class: "empty"}, "No feature fits these filters.")));
    this.more.hidden = found.length <= this.shown;
    const count = found.length === nFeatures ? plural(nFeatures, "feature") : `${found.length.toLocaleString("en")} of ${plural(nFeatures, "feature")}`;
    document.getElementById("count").textContent = count + (found.length > this.shown ? `, the first ${this.shown} listed` : "");
    this.focusable();
  },

  row(i) {
    return this.body.querySelector(`tr[data-feature="${i}"]`);
  },

  /** One row at a time can be reached by the tab key; arrows move on from it. */
  focusable() {
    const row = this.row(chosen) || this.body.querySelector("tr[data-feature]");
    if (row) row.tabIndex = 0;
  },

  choose(i, scroll) {
    if (i === undefined || i === chosen) return;
    const before = this.row(chosen), after = this.row(i);
    if (before) { before.setAttribute("aria-selected", "false"); before.tabIndex = -1; }
    chosen = i;
    if (after) {
      after.setAttribute("aria-selected", "true");
      if (scroll) {
        const inner = after.getBoundingClientRect(), outer = this.host.getBoundingClientRect();
        if (inner.top < outer.top + 32 || inner.bottom > outer.bottom) this.host.scrollTop += inner.top - outer.top - outer.height / 3;
      }
    }
    this.focusable();
    detail.draw();
    if (chromatograms.body) chromatograms.draw();
    if (scroll) history.replaceState(null, "", `#feature=${encodeURIComponent(features.id[i])}`);
  },

  clicked(event) {
    const row = event.target.closest("tr[data-feature]");
    if (row) { this.choose(Number(row.dataset.feature), true); row.focus({preventScroll: true}); }
  },

  keyed(event) {
    const at = this.rows.indexOf(chosen), last = this.rows.length - 1;
    const next = {ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last,
      PageDown: Math.min(at + 10, last), PageUp: Math.max(at - 10, 0)}[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.choose(this.rows[next], true);
    this.row(this.rows[next]).focus({preventScroll: true});
  },
};
