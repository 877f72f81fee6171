// Which features the table lists, and the part of the page's address that says so.

const numericFilters = {
  rt: i => features.rt[i] / 60,
  ri: i => features.ri[i],
  base: i => features.ions[i][0],
  nominal: i => features.nominal[i],
  snr: i => features.snr[i],
  purity: i => features.purity[i],
  confidence: i => features.confidence[i],
  blankRatio: i => features.blankRatio[i],
  probability: i => features.probability[i],
  area: i => features.area[i],
  runs: i => features.n[i],
};

const filters = {
  ids: ["q", "mz", "level", "source", "suspect", "blank-verdict", "decision", "not-in-blank", ...Object.keys(numericFilters).flatMap(key => [`${key}-from`, `${key}-to`])],
  controls: {},
  words: null,

  start(changed) {
    for (const id of this.ids) {
      const control = document.getElementById(id);
      if (!control) continue;
      this.controls[id] = control;
      control.addEventListener("input", () => { this.toAddress(); changed(); });
    }
    document.getElementById("clear").addEventListener("click", () => { this.set(new URLSearchParams()); this.toAddress(); changed(); });
  },

  value(id) {
    const control = this.controls[id];
    return !control ? "" : control.type === "checkbox" ? (control.checked ? "1" : "") : control.value.trim();
  },

  set(parameters) {
    for (const [id, control] of Object.entries(this.controls)) {
      const value = parameters.get(id) || "";
      if (control.type === "checkbox") control.checked = value === "1";
      else control.value = value;
    }
    const box = document.querySelector("details.ranges");
    if (Object.keys(numericFilters).some(key => this.value(`${key}-from`) || this.value(`${key}-to`))) box.open = true;
  },

  toAddress() {
    const parameters = address.read();
    for (const id of Object.keys(this.controls)) {
      if (this.value(id)) parameters.set(id, this.value(id));
      else parameters.delete(id);
    }
    address.write(parameters);
  },

  /** Collect the words about all candidates from the parts of the page. */
  async load() {
    const more = await packed.value("words"), found = [];
    for (let number = 0; found.length < nFeatures; number++) {
      const {details, candidates} = await packed.once(`part-${number}`);
      details.forEach((_, place) => {
        const i = found.length, [text, formulas] = more[i] || ["", []];
        const rows = rowsOf(candidates, place).filter(row => row[C.source] !== data.noneOfThese);
        const words = rows.flatMap(row => [row[C.name], row[C.cas], row[C.smiles], row[C.inchikey]].filter(Boolean));
        found.push({text: `${features.id[i]}\n${words.join("\n")}\n`.toLowerCase() + text, formulas: new Set([...rows.map(row => (row[C.formula] || "").toLowerCase()), ...formulas])});
      });
    }
    this.words = found;
  },

  suspected(i, wanted) {
    const names = features.suspects[i];
    return wanted === "*" ? Boolean(names) : (names || "").split(", ").includes(wanted);
  },

  decided(i, wanted) {
    const {verdict, comment} = curation.of(i);
    return wanted === "open" ? !verdict : wanted === "comment" ? Boolean(comment) : verdict === wanted;
  },

  /** The features of a list that fit; a promise if the words are not unpacked yet. */
  matching(order) {
    const words = this.value("q").toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !this.words) return this.load();
    const masses = this.value("mz").split(/[\s,;]+/).filter(Boolean).map(Number).filter(mass => mass > 0);
    const [level, source, suspect, decision] = ["level", "source", "suspect", "decision"].map(id => this.value(id));
    const verdict = this.value("blank-verdict");
    const ranges = Object.entries(numericFilters).map(([key, value]) => [value, this.value(`${key}-from`), this.value(`${key}-to`)])
      .filter(([, from, to]) => from || to).map(([value, from, to]) => [value, from ? Number(from) : -Infinity, to ? Number(to) : Infinity]);
    const hasMass = (i, mass) => features.ions[i].some(ion => Number.isInteger(mass) ? nominal(ion) === mass : Math.abs(ion - mass) < 0.02);
    const free = this.value("not-in-blank");
    return order.filter(i =>
      (!level || features.finding[i] === level || features.level[i] === level) &&
      (!source || (features.source[i] || "").split("+").includes(source)) &&
      (!suspect || this.suspected(i, suspect)) && (!decision || this.decided(i, decision)) &&
      (!verdict || (features.blankVerdict[i] || "").includes(verdict)) &&
      ranges.every(([value, from, to]) => known(value(i)) && value(i) >= from && value(i) <= to) &&
      masses.every(mass => hasMass(i, mass)) && !(free && features.inBlank[i]) &&
      words.every(word => this.words[i].text.includes(word) || this.words[i].formulas.has(word)));
  },
};

// The address: #feature=F0047, #run=river_up, and the filters, all joined by "&".
const address = {
  read() {
    return new URLSearchParams(location.hash.slice(1));
  },

  write(parameters) {
    history.replaceState(null, "", parameters.size ? `#${parameters}` : location.pathname + location.search);
  },

  put(name, value) {
    const parameters = this.read();
    for (const key of [...parameters.keys()]) if (key !== "feature" && key !== "run" && !filters.controls[key]) parameters.delete(key);
    parameters.delete("run");
    parameters.set(name, value);
    this.write(parameters);
  },

  /** Show what the address names. Addresses of sections (#runs) are the browser's own. */
  follow() {
    const parameters = this.read();
    if (!["feature", "run", ...filters.ids].some(key => parameters.has(key))) return;
    if (nFeatures) {
      filters.set(parameters);
      table.draw();
      const named = features.id.indexOf(parameters.get("feature"));
      if (named >= 0) {
        table.choose(named, true);
        detail.host.scrollIntoView();
      }
    }
    if (parameters.has("run")) this.showRun(parameters.get("run"));
  },

  showRun(name) {
    const place = data.runs.findIndex(run => run.name === name);
    const rows = document.querySelectorAll("#runs tbody tr");
    rows.forEach((row, number) => row.classList.toggle("named", number === place));
    if (place < 0) return;
    const box = chromatograms.boxes.find(other => Number(other.dataset.run) === place);
    if (box && !box.checked) {
      box.checked = true;
      chromatograms.draw();
    }
    rows[place].scrollIntoView({block: "center"});
  },
};
