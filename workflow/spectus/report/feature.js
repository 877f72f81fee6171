// The chosen feature: spectrum, structures, candidates, areas, elution.

/** The columns of the table of candidates: those that have a value anywhere on the page. */
const candidateColumns = [
  {key: "name", head: "Candidate", always: true},
  {key: "cas", head: term("cas")},
  {key: "formula", head: "Formula"},
  {key: "source", head: "Source", show: sourceText},
  {key: "probability", head: term("probability"), digits: 3},
  {key: "posterior", head: term("posterior"), digits: 3},
  {key: "libraryScore", head: term("libraryScore"), digits: 3},
  {key: "predictedScore", head: term("predictedScore"), digits: 3},
  {key: "logProb", head: term("logProb"), digits: 2},
  {key: "riDelta", head: term("riDelta"), digits: 1, signed: true},
  {key: "level", head: "Level", show: levelMark},
].filter(column => column.always || data.details.some(shown => shown && shown.candidates.some(candidate => known(candidate[C[column.key]]))));

const detail = {
  host: document.getElementById("detail"),

  draw() {
    const i = chosen, shown = data.details[i];
    this.host.replaceChildren(this.head(i));
    if (!shown) {
      this.host.append(el("p", {class: "empty"}, "Its spectrum, candidates and areas were left out to keep this page small. The data set has them."));
      return;
    }
    const left = el("div"), right = el("div"), bars = el("div"), elution = el("div");
    this.host.append(el("div", {class: "columns"}, left, right));
    this.host.append(el("h3", {}, "Candidates"), this.candidates(shown));
    this.host.append(el("div", {class: "columns even below"}, bars, elution));
    this.spectra(left, shown);
    this.structures(right, shown);
    this.bars(bars, shown);
    this.elution(elution, shown);
  },

  head(i) {
    const ri = known(features.ri[i]) ? `RI ${fixed(features.ri[i], 1)}${features.extrapolated[i] ? " (extrapolated)" : ""}` : "no retention index";
    const facts = [`RT ${minutes(features.rt[i])} min`, ri, `detected in ${features.n[i]} of ${plural(data.axis.length, "run")}`,
      known(features.ions[i][0]) ? `base peak m/z ${features.ions[i][0]}` : null,
      known(features.snr[i]) ? `signal-to-noise ratio ${amount(features.snr[i])}` : null,
      known(features.purity[i]) ? `purity ${fixed(features.purity[i], 2)}` : null,
      features.bestRun[i] ? `spectrum from ${features.bestRun[i]}` : null];
    const level = features.level[i], compound = [features.formula[i], features.cas[i] ? `CAS ${features.cas[i]}` : null].filter(known);
    return el("header", {},
      el("h3", {}, `${features.id[i]}\u2002${title(i)}`),
      level ? el("p", {class: "finding"}, levelMark(level), ` Level ${level}, ${levels[level] || ""}`) : null,
      el("p", {}, [...compound, ...facts].filter(known).join(", "), ". ",
        el("a", {class: "hover", href: `#feature=${encodeURIComponent(features.id[i])}`}, "Link to this feature")));
  },

  spectra(host, shown) {
    const plot = el("div"), reading = el("p", {class: "reading"});
    const heading = el("h3"), why = el("p", {class: "soft"});
    const kind = hit => hit[H.predicted] ? "predicted" : "measured";
    const rows = shown.hits.map((hit, number) => el("tr", {tabindex: 0, "aria-selected": "false",
      click: () => show(number), keydown: event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); show(number); } }},
      el("td", {class: "break"}, hit[H.name] || "no name"), el("td", {}, kind(hit)), el("td", {class: "break"}, `${hit[H.library]}, record ${hit[H.entry]}`),
      el("td", {class: "number"}, fixed(hit[H.score], 2)), el("td", {class: "number"}, fixed(hit[H.cosine], 2)), el("td", {class: "number"}, signed(hit[H.riDelta], 1))));
    const show = number => {
      const hit = shown.hits[number];
      const reference = hit && known(hit[H.spectrum]) ? {spectrum: data.spectra[hit[H.spectrum]], kind: kind(hit), name: hit[H.name] || "record without a name"} : null;
      rows.forEach((row, other) => row.setAttribute("aria-selected", String(other === number)));
      heading.textContent = reference ? `Measured spectrum (above) and ${reference.kind} reference (below)` : "Measured spectrum, no reference";
      why.textContent = !hit ? "No library has a similar spectrum." : hit[H.why] ? `No mirror plot of hit ${number + 1}: ${hit[H.why]}.` : "";
      why.hidden = !why.textContent;
      plot.replaceChildren();
      mirror(plot, reading, shown.spectrum, reference, shown.accurate);
    };
    const heads = ["Library hit", "Spectrum", "Library", "Score", "Cosine", term("riDelta")];
    host.append(heading, plot, reading, why);
    if (rows.length) host.append(el("div", {class: "scroll"}, el("table", {"aria-label": "Library hits; choose one to see its spectrum", role: "grid"},
      el("thead", {}, el("tr", {}, heads.map((head, number) => el("th", {scope: "col", class: number > 2 ? "number" : null}, head)))),
      el("tbody", {class: "rows"}, rows))));
    show(0);
  },

  structures(host, shown) {
    host.append(el("h3", {}, "Structures"));
    const drawn = shown.candidates.filter(candidate => candidate[C.drawing] !== -1);
    if (!drawn.length) {
      host.append(el("p", {class: "empty"}, "There is no candidate to draw."));
      return;
    }
    host.append(el("div", {class: "structures"}, drawn.map(candidate => {
      const name = candidate[C.name], smiles = candidate[C.smiles], rank = candidate[C.rank];
      const picture = el("div", {role: "img", "aria-label": `Structure ${rank}: ${name || smiles || "unknown"}`});
      // Made by the report from RDKit's drawing: paths of numbers only.
      if (known(candidate[C.drawing])) picture.innerHTML = data.drawings[candidate[C.drawing]];
      else picture.append(el("p", {class: "soft"}, smiles ? "cannot be drawn" : "the record has no structure"));
      return el("figure", {}, picture, el("figcaption", {}, el("b", {}, `${rank} `), name || candidate[C.formula] || "", " ", levelMark(candidate[C.level])));
    })));
  },

  candidates(shown) {
    const reasons = shown.reasons.map(reason => el("p", {class: "note"}, reason));
    if (!shown.candidates.length) return el("div", {}, el("p", {class: "empty"}, "No candidate."), reasons);
    const cell = (column, candidate) => {
      const value = candidate[C[column.key]];
      if (column.key === "name") {
        const smiles = candidate[C.smiles];
        return el("td", {class: "break candidate"}, value ? el("div", {}, value) : null, el("div", {class: smiles ? "smiles" : "soft"}, smiles || "no structure in the library"));
      }
      if (column.digits) return el("td", {class: "number"}, (column.signed ? signed : fixed)(value, column.digits));
      return el("td", {}, known(value) ? (column.show || String)(value) : "");
    };
    const head = column => el("th", {scope: "col", class: column.digits ? "number" : null}, column.head);
    const rows = shown.candidates.map(candidate => el("tr", {}, el("td", {class: "number"}, String(candidate[C.rank])), candidateColumns.map(column => cell(column, candidate))));
    return el("div", {},
      el("div", {class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Candidates"}, el("table", {},
        el("thead", {}, el("tr", {}, el("th", {scope: "col", class: "number"}, "Rank"), candidateColumns.map(head))), el("tbody", {}, rows))),
      el("p", {class: "reading"}, this.order()),
      shown.more ? el("p", {class: "reading"}, `The data set has ${plural(shown.more, "more candidate")}.`) : null, reasons);
  },

  /** What the order of the candidates and the numbers beside them mean. */
  order() {
    const has = key => candidateColumns.some(column => column.key === key);
    const order = has("probability") ? "Ranked by probability."
      : `Ranked by ${["libraryScore", "posterior", "predictedScore", "logProb"].filter(has).map(key => term(key).toLowerCase()).join(", then ") || "source"}; probabilities are not calibrated in this campaign.`;
    const about = ["probability", "posterior", "libraryScore", "predictedScore", "logProb", "riDelta"].filter(has).map(key => `${term(key)}: ${data.terms[key][1]}.`);
    return [order, ...about].join(" ");
  },

  bars(host, shown) {
    host.append(el("h3", {}, "Area by run"));
    if (!shown.areas.some(known)) {
      host.append(el("p", {class: "empty"}, "No area was measured."));
      return;
    }
    (shown.areas.length <= 30 ? barsAcross : barsUpright)(host, shown);
    if (shown.gapFilled.includes("1")) host.append(el("p", {class: "reading"},
      `${shown.areas.length <= 120 ? "Hatched" : "Pale"}: ${data.terms.gapFilled[0].toLowerCase()}, ${data.terms.gapFilled[1]}.`));
  },

  elution(host, shown) {
    host.append(el("h3", {}, "Elution profile"));
    if (!shown.elution.length) {
      host.append(el("p", {class: "empty"}, "The tables of components have no profile of it."));
      return;
    }
    const lines = shown.elution.map(([run, steps, heights]) => ({run, t: times(steps), heights}));
    const low = Math.min(...lines.map(line => line.t[0])), high = Math.max(...lines.map(line => line.t.at(-1)));
    const {root, box} = figure(host, 240, [22, 10, 40, 34], `Elution profiles in ${lines.map(line => runName(line.run)).join(", ")}`);
    const x = scale(low, high, box.left, box.right), y = scale(0, 1000, box.bottom, box.top);
    axisX(root, box, x, low, high, "Retention time, min");
    root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}`}),
      el("text", {x: box.left - 7, y: box.top + 4, "text-anchor": "end"}, "apex"), el("text", {x: box.left - 7, y: box.bottom + 4, "text-anchor": "end"}, "0"));
    for (const [number, line] of [...lines.entries()].reverse()) {
      root.append(el("path", {class: `line ${number ? "other" : "best"}`, d: "M" + line.t.map((t, i) => `${x(t).toFixed(1)} ${y(line.heights[i]).toFixed(1)}`).join("L")},
        el("title", {}, runName(line.run))));
    }
    host.append(root, el("p", {class: "reading"}, `Colored: ${runName(lines[0].run)}, which gave the spectrum.` +
      (lines.length > 1 ? ` Grey: ${lines.slice(1).map(line => runName(line.run)).join(", ")}. Each is scaled to its own apex.` : "")));
  },
};
