// The chosen feature: decision, spectrum, structures, candidates, areas, elution.

const detail = {
  host: document.getElementById("detail"),
  candidate: 0,

  async draw() {
    const i = chosen;
    const [shown] = await Promise.all([detailOf(i), areas.load()]);
    if (i !== chosen) return;  // another feature was chosen meanwhile
    this.shown = shown;
    this.candidate = this.acceptedPlace(i, shown);
    const parts = Object.fromEntries(["spectra", "structures", "candidates", "bars", "traces", "elution"].map(name => [name, el("div")]));
    this.parts = parts;
    this.isotopes = el("div");
    this.host.replaceChildren(this.head(i),
      el("div", {class: "columns"}, parts.spectra, parts.structures), parts.candidates,
      el("div", {class: "columns even below"}, el("div", {}, parts.bars, parts.elution), parts.traces));
    this.spectra();
    this.structures();
    parts.candidates.append(candidateTable(shown, i));
    this.bars(i);
    drawTraces(parts.traces, parts.elution, shown);
  },

  /** The place of the candidate that was accepted, or of the first one. */
  acceptedPlace(i, shown) {
    const {verdict, inchikey, smiles} = curation.of(i);
    const place = verdict === "accepted" ? shown.candidates.findIndex(candidate => inchikey ? candidate[C.inchikey] === inchikey : candidate[C.smiles] === smiles) : -1;
    return Math.max(place, 0);
  },

  head(i) {
    const ri = known(features.ri[i]) ? `RI ${fixed(features.ri[i], 1)}${features.extrapolated[i] ? " (extrapolated)" : ""}` : "no retention index";
    const facts = [`RT ${minutes(features.rt[i])} min`, ri, `detected in ${features.n[i]} of ${plural(data.axis.length, "run")}`,
      known(features.ions[i][0]) ? `base peak m/z ${features.ions[i][0]}` : null,
      known(features.snr[i]) ? `signal-to-noise ratio ${amount(features.snr[i])}` : null,
      known(features.purity[i]) ? `purity ${fixed(features.purity[i], 2)}` : null,
      known(features.confidence[i]) ? `confidence ${fixed(features.confidence[i], 2)}` : null,
      known(features.blankRatio[i]) ? `blank ratio ${ratioText(features.blankRatio[i])}` : null,
      features.bestRun[i] ? `spectrum from ${features.bestRun[i]}` : null];
    const level = features.level[i], probability = features.probability[i];
    const compound = [features.formula[i], features.cas[i] ? `CAS ${features.cas[i]}` : null, features.derivative[i] ? `measured as ${features.derivative[i]}` : null, features.suspects[i] ? `suspect list: ${features.suspects[i]}` : null].filter(known);
    this.decision = el("div", {class: "controls decision"});
    const head = el("header", {},
      el("h3", {}, `${features.id[i]}\u2002${title(i)}`),
      level ? el("p", {class: "finding"}, levelMark(level), ` Level ${level}, ${levels[level] || ""}`, known(probability) ? `; probability ${fixed(probability, 2)}` : "") : null,
      features.excluded[i] ? el("p", {class: "note excluded"}, `The spectrum excludes the first candidate: ${features.excluded[i]}.`) : null,
      el("p", {}, [...compound, ...facts].filter(known).join(", "), ". ",
        el("a", {class: "hover", href: `#feature=${encodeURIComponent(features.id[i])}`}, "Link to this feature")),
      this.decision);
    this.decisions();
    return head;
  },

  /** The buttons of the decision, and the comment. */
  decisions() {
    const i = chosen, {verdict, comment} = curation.of(i);
    const button = (name, words, act) => el("button", {type: "button", class: name, "aria-pressed": String(verdict === name), click: act}, words);
    if (this.comment && document.activeElement === this.comment) return;
    this.comment = el("input", {type: "text", id: "comment", maxlength: 500, placeholder: "Comment", "aria-label": `Comment on ${features.id[i]}`});
    this.comment.value = comment || "";
    this.comment.addEventListener("input", () => curation.put(i, {comment: this.comment.value}));
    this.decision.replaceChildren(
      button("accepted", verdict === "accepted" ? "\u2713 Accepted" : "Accept", () => this.accept()),
      button("rejected", verdict === "rejected" ? "\u2717 Rejected" : "Reject", () => curation.decide(i, "rejected")),
      this.comment,
      copyButton(() => this.spectrumText(i), "spectrum", "Copy the spectrum"));
    for (const row of this.host.querySelectorAll("tr[data-candidate]")) {
      const candidate = this.shown.candidates[row.dataset.candidate];
      row.classList.toggle("accepted", verdict === "accepted" && candidate[C.smiles] === curation.of(i).smiles && candidate[C.source] !== data.noneOfThese);
    }
  },

  accept() {
    const candidate = this.shown && this.shown.candidates[this.candidate];
    if (candidate && candidate[C.source] !== data.noneOfThese) curation.decide(chosen, "accepted", candidate);
  },

  /** The spectrum as a record that other programs read. */
  spectrumText(i) {
    const [mz, heights] = this.shown.spectrum;
    return [`NAME: ${features.id[i]}`, known(features.rt[i]) ? `RETENTIONTIME: ${minutes(features.rt[i])}` : null,
      known(features.ri[i]) ? `RETENTIONINDEX: ${features.ri[i]}` : null, `Num Peaks: ${mz.length}`, ...mz.map((mass, place) => `${mass} ${heights[place]}`), ""].filter(known).join("\n");
  },

  /** Show the reference spectrum, the explained peaks and the isotope pattern of a candidate. */
  choose(place) {
    this.candidate = place;
    for (const row of this.host.querySelectorAll("tr[data-candidate]")) row.setAttribute("aria-selected", String(Number(row.dataset.candidate) === place));
    for (const drawn of this.host.querySelectorAll("figure[data-candidate]")) drawn.classList.toggle("chosen", Number(drawn.dataset.candidate) === place);
    this.mirror(this.shown.candidates[place], null);
  },

  spectra() {
    const {shown} = this, host = this.parts.spectra;
    this.heading = el("h3");
    this.plot = el("div");
    this.reading = el("p", {class: "reading"});
    this.why = el("p", {class: "soft"});
    host.append(el("div", {class: "figure-head"}, this.heading, saveButtons(() => this.plot.querySelector("svg"), () => `${features.id[chosen]} spectrum`)), this.plot, this.reading, this.why, this.isotopes);
    if (shown.hits.length) host.append(this.hitTable(shown));
    this.mirror(shown.candidates[this.candidate], !shown.candidates.length && shown.hits.length ? 0 : null);
  },

  hitTable(shown) {
    const rows = shown.hits.map((hit, number) => el("tr", {tabindex: 0, "aria-selected": "false", "data-hit": number,
      click: () => this.mirror(null, number), keydown: event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.mirror(null, number); } }},
      el("td", {class: "break"}, hit[H.name] || "no name"), el("td", {}, hit[H.predicted] ? "predicted" : "measured"), el("td", {class: "break"}, `${hit[H.library]}, record ${hit[H.entry]}`),
      el("td", {class: "number"}, fixed(hit[H.score], 2)), el("td", {class: "number"}, fixed(hit[H.cosine], 2)), el("td", {class: "number"}, signed(hit[H.riDelta], 1))));
    const heads = ["Library hit", "Spectrum", "Library", "Score", "Cosine", term("riDelta")];
    const content = el("table", {"aria-label": "Library hits; choose one to see its spectrum", role: "grid"},
      el("thead", {}, el("tr", {}, heads.map((head, number) => el("th", {scope: "col", class: number > 2 ? "number" : null}, head)))),
      el("tbody", {class: "rows"}, rows));
    return el("details", {class: "hits"}, el("summary", {}, plural(shown.hits.length, "library hit")), el("div", {class: "scroll"}, content), el("p", {class: "tools hover"}, csvButton(() => cellsOf(content), () => `${features.id[chosen]} library hits`)));
  },

  /** Draw the spectrum against that of a candidate, or of a library hit. */
  mirror(candidate, number) {
    const {shown} = this;
    const place = known(number) ? number : candidate ? candidate[C.hit] : null;
    const hit = known(place) ? shown.hits[place] : null;
    const kind = hit && (hit[H.predicted] ? "predicted" : "measured");
    const reference = hit && known(hit[H.spectrum]) ? {spectrum: shown.spectra[hit[H.spectrum]], kind, name: hit[H.name] || "record without a name"} : null;
    const of = candidate && candidate[C.source] !== data.noneOfThese ? candidate : null;
    for (const row of this.host.querySelectorAll("tr[data-hit]")) row.setAttribute("aria-selected", String(Number(row.dataset.hit) === place));
    this.heading.textContent = reference ? `Measured spectrum (above) and ${kind} reference (below)` : "Measured spectrum, no reference";
    const whose = of ? `candidate ${of[C.rank]}` : `hit ${known(place) ? place + 1 : ""}`;
    this.why.textContent = reference ? "" : hit && hit[H.why] ? `No mirror plot of ${whose}: ${hit[H.why]}.`
      : of ? `No library has a spectrum of candidate ${of[C.rank]}.` : shown.hits.length ? "" : "No library has a similar spectrum.";
    this.why.hidden = !this.why.textContent;
    this.plot.replaceChildren();
    this.isotopes.replaceChildren();
    if (of) isotopePattern(this.isotopes, shown.spectrum, of);
    mirrorPlot(this.plot, this.reading, {shown, reference, candidate: of});
  },

  structures() {
    const {shown} = this, host = this.parts.structures;
    host.append(el("h3", {}, "Structures"));
    const drawn = shown.candidates.map((candidate, place) => [candidate, place]).filter(([candidate]) => candidate[C.drawing] !== -1 && candidate[C.source] !== data.noneOfThese);
    if (!drawn.length) {
      host.append(el("p", {class: "empty"}, "There is no candidate to draw."));
      return;
    }
    host.append(el("div", {class: "structures"}, drawn.map(([candidate, place]) => this.structure(candidate, place))));
  },

  structure(candidate, place) {
    const {shown} = this, name = candidate[C.name], smiles = candidate[C.smiles], rank = candidate[C.rank];
    const picture = el("div", {role: "img", "aria-label": `Structure ${rank}: ${name || smiles || "unknown"}`});
    // Made by the report from RDKit's drawing: paths of numbers only.
    if (known(candidate[C.drawing])) picture.innerHTML = shown.drawings[candidate[C.drawing]];
    else picture.append(el("p", {class: "soft"}, smiles ? "cannot be drawn" : "the record has no structure"));
    const notes = [candidate[C.derivative] ? `as ${candidate[C.derivative]}` : null, candidate[C.excluded] ? `excluded: ${candidate[C.excluded]}` : null].filter(Boolean);
    return el("figure", {class: [candidate[C.excluded] ? "excluded" : "", place === this.candidate ? "chosen" : ""].join(" ").trim() || null, "data-candidate": place, click: () => this.choose(place)}, picture,
      el("figcaption", {}, el("b", {}, `${rank} `), name || candidate[C.formula] || "", " ", levelMark(candidate[C.level]),
        known(candidate[C.probability]) ? ` p\u00a0${fixed(candidate[C.probability], 2)}` : "",
        notes.length ? el("span", {class: "notes"}, `; ${notes.join("; ")}`) : null, " ",
        known(candidate[C.drawing]) ? saveButtons(() => picture.querySelector("svg"), () => `${features.id[chosen]} structure ${rank}`) : null));
  },

  bars(i) {
    const host = this.parts.bars, shown = {areas: areas.of(i), gapFilled: areas.filled(i)};
    host.append(el("div", {class: "figure-head"}, el("h3", {}, "Area by run, counts \u00d7 s"), saveButtons(() => host.querySelector("div:last-of-type svg, svg"), () => `${features.id[i]} areas`),
      csvButton(() => [["Run", "Type", "Area", term("gapFilled")], ...shown.areas.map((area, run) => [runName(data.axis[run]), data.runs[data.axis[run]].type, known(area) ? Number(area.toPrecision(4)) : null, known(area) ? Number(shown.gapFilled[run]) : null])], () => `${features.id[i]} areas`)));
    if (!shown.areas.some(known)) {
      host.append(el("p", {class: "empty"}, "No area was measured."));
      return;
    }
    (shown.areas.length <= 30 ? barsAcross : barsUpright)(host, shown);
    if (shown.gapFilled.some(Boolean)) host.append(el("p", {class: "reading"},
      `${shown.areas.length <= 120 ? "Hatched" : "Pale"}: ${data.terms.gapFilled[0].toLowerCase()}, ${data.terms.gapFilled[1]}.`));
  },
};
