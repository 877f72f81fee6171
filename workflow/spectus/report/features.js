// The table of features: sorted, filtered, chosen from by mouse and keyboard. Only the rows in view are elements.

function title(i) {
  return features.name[i] || features.smiles[i] || "unknown";
}

function levelMark(level) {
  return level ? el("span", {class: `level level-${level}`, title: levels[level]}, level) : "";
}

function nameCell(i) {
  if (features.name[i]) return features.name[i];
  return features.smiles[i] ? el("span", {class: "smiles"}, features.smiles[i]) : el("span", {class: "soft"}, "\u2013");
}

const sourceText = source => (source || "").split("+").filter(Boolean).map(name => data.sources[name] || name).join(", ");

/** The area over the runs, one bar per run, as many as fit. */
function sparkline(i) {
  if (!areas.codes) return "";
  const shown = areas.of(i), gaps = areas.filled(i);
  const n = shown.length, bins = Math.min(n, 40), step = n > 24 ? 2 : n > 8 ? 4 : 9;
  const top = Math.max(...shown.map(area => area || 0));
  let seen = "", filled = "";
  for (let bin = 0; bin < bins; bin++) {
    const first = Math.floor(bin * n / bins), last = Math.floor((bin + 1) * n / bins);
    let best = first;
    for (let run = first; run < last; run++) if ((shown[run] || 0) > (shown[best] || 0)) best = run;
    const height = top > 0 ? 15 * (shown[best] || 0) / top : 0;
    const path = height > 0 ? `M${bin * step} 16h${step - 1}v${(-Math.max(height, 0.6)).toFixed(1)}h${1 - step}z` : "";
    if (gaps[best]) filled += path; else seen += path;
  }
  const said = shown.map((area, run) => `${runName(data.axis[run])} ${known(area) ? amount(area) : "none"}`);
  return el("svg", {class: "spark", viewBox: `0 0 ${bins * step} 16`, width: bins * step, height: 16, role: "img",
    "aria-label": n > 24 ? `areas in ${n} runs` : `areas: ${said.join(", ")}`},
    el("path", {class: "bar", d: seen}), el("path", {class: "bar", d: filled, opacity: 0.4}));
}

function decisionMark(i) {
  const {verdict, comment} = curation.of(i);
  const sign = {accepted: "\u2713", rejected: "\u2717"}[verdict];
  return verdict || comment ? el("span", {class: verdict || "commented"}, [sign ? `${sign} ${data.verdicts[verdict]}` : null, comment && !verdict ? "comment" : null].filter(Boolean).join(", ")) : "";
}

features.nominal = features.formula.map(formula => formula ? nominalMass(formula) : null);

const numberColumn = (key, width, digits) => ({head: term(key), width, number: true, value: i => features[key][i], cell: i => fixed(features[key][i], digits)});

// Widths in em; the column without a width takes what is left. Columns without any value are left out.
const columns = [
  {head: "Feature", width: 6, value: i => i, text: i => features.id[i], cell: i => features.id[i]},
  {head: "RT, min", width: 5, number: true, value: i => features.rt[i], text: i => minutes(features.rt[i]), cell: i => minutes(features.rt[i])},
  {head: "RI", width: 4.6, number: true, value: i => features.ri[i], cell: i => fixed(features.ri[i], 0) + (features.extrapolated[i] ? "*" : "")},
  {head: "Best candidate", value: i => features.name[i] || features.smiles[i], cell: nameCell},
  {head: "CAS", width: 6.6, value: i => features.cas[i], cell: i => features.cas[i] || ""},
  {head: "Formula", width: 7, value: i => features.formula[i], cell: i => features.formula[i] || ""},
  {head: "Level", width: 4, value: i => features.level[i], cell: i => levelMark(features.level[i])},
  numberColumn("probability", 6.4, 2),
  {head: "90 % set", width: 3.8, number: true, value: i => features.set[i], cell: i => known(features.set[i]) ? String(features.set[i]) : ""},
  numberColumn("libraryScore", 4.8, 2),
  numberColumn("predictedScore", 5.4, 2),
  numberColumn("explained", 6, 2),
  {head: "Area", width: 5, number: true, value: i => features.area[i], cell: i => amount(features.area[i])},
  {head: "Area by run", width: 6.6, value: i => features.area[i], text: () => null, cell: sparkline},
  {head: term("blankRatio"), width: 4.4, number: true, value: i => features.blankRatio[i], cell: i => ratioText(features.blankRatio[i])},
  {head: "Blanks", width: 8, value: i => features.blankVerdict[i], cell: i => features.blankVerdict[i] || ""},
  {head: "Source", width: 9.4, value: i => features.source[i] && sourceText(features.source[i]), cell: i => sourceText(features.source[i])},
  {head: "Suspect list", width: 7, value: i => features.suspects[i], cell: i => features.suspects[i] || ""},
  {head: "Base peak", width: 4.2, number: true, value: i => features.ions[i][0], cell: i => known(features.ions[i][0]) ? String(features.ions[i][0]) : ""},
  {head: "M", width: 3.6, number: true, value: i => features.nominal[i], cell: i => known(features.nominal[i]) ? String(features.nominal[i]) : ""},
  {head: "S/N", width: 4.4, number: true, value: i => features.snr[i], cell: i => amount(features.snr[i])},
  {head: "Purity", width: 4.6, number: true, value: i => features.purity[i], cell: i => fixed(features.purity[i], 2)},
  {head: term("confidence"), width: 6.2, number: true, value: i => features.confidence[i], cell: i => fixed(features.confidence[i], 2)},
  {head: "Runs", width: 3.8, number: true, value: i => features.n[i], cell: i => String(features.n[i])},
  {head: "Decision", width: 7, always: true, value: i => curation.of(i).verdict || (curation.of(i).comment ? "comment" : null), cell: decisionMark},
].filter(column => column.always || features.id.some((id, i) => known(column.value(i))));

function ratioText(value) {
  if (!known(value)) return "";
  return value >= 100 ? ">100" : value >= 0.01 || value === 0 ? value.toFixed(2) : "<0.01";
}

/** Columns that fit on paper. */
const printed = new Set(["Feature", "RT, min", "RI", "Best candidate", "CAS", "Formula", "Level", term("probability"), "Area", term("blankRatio"), "Decision"]);
const columnClass = column => [column.number ? "number" : "", column.width ? "" : "wide", printed.has(column.head) ? "" : "screen"].join(" ").trim() || null;

const rowsBeyondView = 12;

const table = {
  host: document.getElementById("feature-table"),
  order: [...Array(nFeatures).keys()],
  rows: [],
  elements: new Map(),
  sorted: 0,
  down: false,
  printing: false,

  start() {
    this.heads = columns.map((column, number) => el("th", {scope: "col", class: columnClass(column)},
      el("button", {class: "plain", type: "button", click: () => this.sort(number)}, column.head)));
    const widths = columns.map(column => el("col", {style: column.width ? `width:${column.width}em` : null}));
    const width = columns.reduce((sum, column) => sum + (column.width || 16), 0);
    this.body = el("tbody", {class: "rows", click: event => this.clicked(event)});
    this.above = el("tr", {"aria-hidden": "true"}, el("td", {class: "spacer", colspan: columns.length}));
    this.below = el("tr", {"aria-hidden": "true"}, el("td", {class: "spacer", colspan: columns.length}));
    this.grid = el("table", {"aria-label": "Features", role: "grid", class: "fixed", style: `min-width:${width}em`},
      el("colgroup", {}, widths), el("thead", {}, el("tr", {"aria-rowindex": 1}, this.heads)), this.body);
    this.host.append(this.grid);
    this.host.tabIndex = -1;
    this.host.addEventListener("keydown", event => this.keyed(event));
    this.host.addEventListener("scroll", () => this.view());
    window.addEventListener("beforeprint", () => { this.printing = true; this.view(); });
    window.addEventListener("afterprint", () => { this.printing = false; this.view(); });
    document.getElementById("extrapolated").hidden = !features.extrapolated.some(Boolean);
    filters.start(() => this.draw());
    curation.start();
    this.draw();
    this.choose(this.order[0], false);
    areas.load().then(() => { this.elements.clear(); this.view(); });
    document.addEventListener("keydown", event => this.hotkey(event));
  },

  /** The rows that are listed, with every column and the comment, as text. */
  csv() {
    const shown = columns.filter(column => column.head !== "Area by run");
    const value = (column, i) => column.text ? column.text(i) : column.value(i);
    return [[...shown.map(column => column.head), "SMILES", "Comment"],
      ...this.rows.map(i => [...shown.map(column => value(column, i)), features.smiles[i], curation.of(i).comment])];
  },

  /** Draw a row again, and the details if they are of the same feature. */
  refresh(i) {
    this.elements.delete(i);
    this.view();
    if (i === chosen) detail.decisions();
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

  /** List the features that fit the filters. */
  draw() {
    const found = filters.matching(this.order);
    if (found instanceof Promise) {
      document.getElementById("count").textContent = "searching";
      found.then(() => this.draw());
      return;
    }
    this.rows = found;
    this.heads.forEach((head, number) => {
      if (number === this.sorted) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.grid.setAttribute("aria-rowcount", this.rows.length + 1);
    const total = plural(nFeatures, "feature");
    document.getElementById("count").textContent = this.rows.length === nFeatures ? total : `${this.rows.length.toLocaleString("en")} of ${total}`;
    this.elements.clear();
    this.host.scrollTop = 0;
    this.view();
    if (heatMap.body) heatMap.zoom(null);
  },

  rowHeight() {
    return this.height || 30;
  },

  /** Make elements of the rows in view, or of all of them for the printer. */
  view() {
    const height = this.rowHeight(), n = this.rows.length;
    const inView = Math.ceil((this.host.clientHeight || 400) / height);
    const first = this.printing ? 0 : Math.max(0, Math.min(Math.floor(this.host.scrollTop / height), n - inView) - rowsBeyondView);
    const last = this.printing ? n : Math.min(n, first + inView + 2 * rowsBeyondView);
    if (!n) {
      this.body.replaceChildren(el("tr", {}, el("td", {colspan: columns.length, class: "empty"}, "No feature fits these filters.")));
      return;
    }
    const focused = this.body.contains(document.activeElement), top = this.host.scrollTop;
    const shown = new Map();
    for (let place = first; place < last; place++) shown.set(this.rows[place], this.elements.get(this.rows[place]) || this.element(this.rows[place], place));
    this.elements = shown;
    this.above.firstChild.style.height = `${first * height}px`;
    this.below.firstChild.style.height = `${(n - last) * height}px`;
    this.body.replaceChildren(...(first ? [this.above] : []), ...shown.values(), ...(last < n ? [this.below] : []));
    this.focusable();
    if (focused) (shown.get(chosen) || this.host).focus({preventScroll: true});
    // While its rows are exchanged the table is short for a moment, which may move it.
    if (this.host.scrollTop !== top) this.host.scrollTop = top;
    if (this.height) return;
    // The first rows show how high a row and the table are.
    this.height = shown.values().next().value.getBoundingClientRect().height;
    this.view();
  },

  element(i, place) {
    return el("tr", {"data-feature": i, tabindex: -1, "aria-rowindex": place + 2, "aria-selected": i === chosen ? "true" : "false"},
      columns.map((column, number) => el(number ? "td" : "th", {scope: number ? null : "row",
        class: columnClass(column), title: column.width ? null : title(i)}, column.cell(i))));
  },

  /** The tab key reaches one row; arrow keys move on from it. */
  focusable() {
    for (const row of this.elements.values()) row.tabIndex = -1;
    const row = this.elements.get(chosen) || this.elements.values().next().value;
    if (row) row.tabIndex = 0;
  },

  /** Show the details of a feature; with `scroll` also bring its row into view. */
  choose(i, scroll) {
    if (i === undefined) return;
    const place = this.rows.indexOf(i);
    if (scroll && place >= 0) {
      const top = place * this.rowHeight(), head = this.heads[0].getBoundingClientRect().height;
      if (top < this.host.scrollTop) this.host.scrollTop = top;
      else if (top + this.rowHeight() + head > this.host.scrollTop + this.host.clientHeight) this.host.scrollTop = top + this.rowHeight() + head - this.host.clientHeight;
      this.view();
    }
    if (i === chosen) return;
    const before = this.elements.get(chosen), after = this.elements.get(i);
    chosen = i;
    if (before) before.setAttribute("aria-selected", "false");
    if (after) after.setAttribute("aria-selected", "true");
    this.focusable();
    detail.draw();
    chromatograms.draw();
    overview.mark();
    if (scroll) address.put("feature", features.id[i]);
  },

  /** Keys that work anywhere but in a field: next, previous, accept, reject, comment, search. */
  hotkey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const at = this.rows.indexOf(chosen), key = event.key.toLowerCase();
    if (key === "j") this.choose(this.rows[Math.min(at + 1, this.rows.length - 1)], true);
    else if (key === "k") this.choose(this.rows[Math.max(at - 1, 0)], true);
    else if (key === "a") detail.accept();
    else if (key === "r") curation.decide(chosen, "rejected");
    else if (key === "c") detail.comment && detail.comment.focus();
    else if (key === "/") document.getElementById("q").focus();
    else return;
    event.preventDefault();
  },

  clicked(event) {
    const row = event.target.closest("tr[data-feature]");
    if (!row) return;
    this.choose(Number(row.dataset.feature), true);
    row.focus({preventScroll: true});
  },

  keyed(event) {
    const at = this.rows.indexOf(chosen), last = this.rows.length - 1;
    const page = Math.max(1, Math.floor(this.host.clientHeight / this.rowHeight()) - 2);
    const next = {ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last,
      PageDown: Math.min(at + page, last), PageUp: Math.max(at - page, 0)}[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.choose(this.rows[next], true);
    const row = this.elements.get(this.rows[next]);
    if (row) row.focus({preventScroll: true});
  },
};
