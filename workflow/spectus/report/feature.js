// The chosen feature: spectrum, structures, candidates, areas, elution.

const detail = {
  host: document.getElementById("detail"),
  hit: 0,

  draw() {
    this.hit = 0;
    const i = chosen, shown = data.details[i];
    this.host.replaceChildren(this.head(i));
    if (!shown) {
      this.host.append(el("p", {class: "empty"}, "Its spectrum, candidates and areas were left out to keep this page small; they stand in the data set."));
      return;
    }
    const left = el("div"), right = el("div"), bars = el("div"), elution = el("div");
    this.host.append(el("div", {class: "columns"}, left, right));
    this.host.append(el("h3", {}, "Candidates"), this.candidates(shown));
    this.host.append(el("div", {class: "columns even", style: "margin-top:1.8rem"}, bars, elution));
    this.spectra(left, shown);
    this.structures(right, shown);
    this.bars(bars, shown);
    this.elution(elution, shown);
  },

  head(i) {
    const ri = known(features.ri[i]) ? `RI ${fixed(features.ri[i], 1)}${features.outside[i] ? " (extrapolated)" : ""}` : "no retention index";
    const facts = [`${minutes(features.rt[i])} min`, ri, `perceived in ${features.n[i]} of ${plural(data.axis.length, "run")}`,
      known(features.snr[i]) ? `signal to noise ${amount(features.snr[i])}` : null,
      known(features.purity[i]) ? `purity ${fixed(features.purity[i], 2)}` : null,
      features.bestRun[i] ? `spectrum from ${features.bestRun[i]}` : null];
    const level = features.level[i];
    return el("header", {}, el("h3", {}, `${features.id[i]}\u2002${title(i)}`), levelMark(level),
      level ? el("span", {class: "soft"}, levels[level] || "") : null, el("p", {}, facts.filter(known).join(", ")));
  },

  spectra(host, shown) {
    const plot = el("div"), reading = el("p", {class: "reading"});
    const heading = el("h3"), why = el("p", {class: "soft"});
    const buttons = shown.hits.map((hit, number) => el("tr", {"data-hit": number, tabindex: 0, "aria-selected": "false",
      click: () => show(number), keydown: event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); show(number); } }},
      el("td", {class: "break"}, hit[2] || "no name"), el("td", {class: "break"}, `${hit[0]}, record ${hit[1]}`), el("td", {class: "number"}, fixed(hit[3], 2)),
      el("td", {class: "number"}, fixed(hit[4], 2)), el("td", {class: "number"}, signed(hit[5], 1))));
    const show = number => {
      const hit = shown.hits[number];
      buttons.forEach((row, other) => row.setAttribute("aria-selected", String(other === number)));
      heading.textContent = hit && known(hit[6]) ? `Spectrum against library hit ${number + 1}` : "Spectrum";
      why.textContent = !hit ? "The libraries hold no spectrum like it." : hit[7] ? `No mirror plot: ${hit[7]}.` : "";
      why.hidden = !why.textContent;
      plot.replaceChildren();
      mirror(plot, reading, shown.spectrum, hit && known(hit[6]) ? data.spectra[hit[6]] : null, hit ? hit[2] || "library" : "", shown.accurate);
    };
    const heads = ["Library hit", "Library", "Score", "Cosine", "\u0394RI"];
    host.append(heading, plot, reading, why);
    if (buttons.length) host.append(el("table", {"aria-label": "Library hits; choose one to see its spectrum", role: "grid"},
      el("thead", {}, el("tr", {}, heads.map((head, number) => el("th", {scope: "col", class: number > 1 ? "number" : null}, head)))),
      el("tbody", {class: "rows"}, buttons)));
    show(0);
  },

  structures(host, shown) {
    host.append(el("h3", {}, "Structures"));
    const drawn = shown.candidates.filter(candidate => candidate[10] !== -1);
    if (!drawn.length) {
      host.append(el("p", {class: "empty"}, "There is no candidate to draw."));
      return;
    }
    host.append(el("div", {class: "structures"}, drawn.map(candidate => {
      const [rank, name, formula, , , , , , level, smiles, place] = candidate;
      const picture = el("div", {role: "img", "aria-label": `Structure ${rank}: ${name || smiles || "unknown"}`});
      // Drawn by RDKit and rebuilt by the report: numbers and element symbols only.
      if (known(place)) picture.innerHTML = data.drawings[place];
      else picture.append(el("p", {class: "soft"}, smiles ? "cannot be drawn" : "the record has no structure"));
      return el("figure", {}, picture, el("figcaption", {}, el("b", {}, `${rank} `), name || formula || "", " ", levelMark(level)));
    })));
  },

  candidates(shown) {
    const reasons = shown.reasons.map(reason => el("p", {class: "note"}, reason));
    if (!shown.candidates.length) return el("div", {}, el("p", {class: "empty"}, "No candidate."), reasons);
    const heads = [["", 1], ["Candidate", 0], ["Formula", 0], ["Source", 0], ["Library score", 1], ["ln p", 1], ["\u0394RI", 1], ["Probability", 1], ["Level", 0]];
    const rows = shown.candidates.map(([rank, name, formula, source, score, logProb, delta, probability, level, smiles]) => el("tr", {},
      el("td", {class: "number"}, String(rank)),
      el("td", {class: "break"}, name ? el("div", {}, name) : null, el("div", {class: smiles ? "smiles" : "soft"}, smiles || "no structure in the library")),
      el("td", {}, formula || ""), el("td", {}, source || ""), el("td", {class: "number"}, fixed(score, 3)), el("td", {class: "number"}, fixed(logProb, 2)),
      el("td", {class: "number"}, signed(delta, 1)), el("td", {class: known(probability) ? "number" : "number soft"}, known(probability) ? fixed(probability, 3) : "not calibrated"),
      el("td", {}, levelMark(level))));
    return el("div", {}, el("div", {class: "scroll"}, el("table", {"aria-label": "Candidates"},
      el("thead", {}, el("tr", {}, heads.map(([head, number]) => el("th", {scope: "col", class: number ? "number" : null}, head)))), el("tbody", {}, rows))),
      shown.more ? el("p", {class: "reading"}, `${plural(shown.more, "more candidate")} in the data set.`) : null, reasons);
  },

  bars(host, shown) {
    host.append(el("h3", {}, "Area by run"));
    if (!shown.areas.some(known)) {
      host.append(el("p", {class: "empty"}, "No area was measured."));
      return;
    }
    (shown.areas.length <= 30 ? barsAcross : barsUpright)(host, shown);
    if (shown.filled.includes("1")) host.append(el("p", {class: "reading"}, shown.areas.length <= 120
      ? "Hatched: no component was perceived there; the area was read at the expected time."
      : "Pale: no component was perceived there; the area was read at the expected time."));
  },

  elution(host, shown) {
    host.append(el("h3", {}, "Elution profile"));
    if (!shown.elution.length) {
      host.append(el("p", {class: "empty"}, "The components tables hold no profile of it."));
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
    host.append(root, el("p", {class: "reading"}, `Coloured: ${runName(lines[0].run)}, which gave the spectrum.` +
      (lines.length > 1 ? ` Grey: ${lines.slice(1).map(line => runName(line.run)).join(", ")}. Each to its own apex.` : "")));
  },
};
