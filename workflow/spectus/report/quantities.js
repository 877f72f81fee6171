// Amounts: calibration curves with residuals, amounts of the samples, blank and QC verdicts.

const quantities = {
  host: document.getElementById("quantities-body"),

  async start() {
    if (!this.host) return;
    this.series = await packed.value("quantities");
    this.draw();
  },

  draw() {
    if (!this.series) return;
    const {calibration, blanks, qc} = this.series;
    this.host.replaceChildren();
    this.curves(calibration);
    this.blanks(blanks);
    this.qc(qc.runs);
    this.scatter(qc.features);
  },

  curves(curves) {
    this.host.append(el("h3", {}, "Calibration"));
    if (!curves.length) {
      this.host.append(el("p", {class: "empty"}, "There is no calibration curve."));
      return;
    }
    const title = curve => curve.compound + (curve.batch ? `, batch ${curve.batch}` : "");
    const one = el("div"), pick = el("select", {"aria-label": "Compound", change: () => show(Number(pick.value))}, curves.map((curve, place) => el("option", {value: place}, title(curve))));
    const show = place => { pick.value = place; this.place = place; one.replaceChildren(); this.curve(one, curves[place], title(curves[place])); };
    this.host.append(el("div", {class: "controls"}, el("label", {}, "Compound ", pick)), one);
    show(Math.min(this.place || 0, curves.length - 1));
  },

  curve(host, curve, name) {
    const unit = curve.unit ? ` ${curve.unit}` : "", of = curve.unit ? `, ${curve.unit}` : "", points = curve.points, left = el("div"), right = el("div");
    const facts = [curve.equation, `${curve.model}, weights ${curve.weighting}`, known(curve.r2) ? `R\u00b2 ${curve.r2.toFixed(4)}` : null, known(curve.quantifier) ? `quantifier m/z ${Number(curve.quantifier.toFixed(2))}` : null,
      curve.standard ? `internal standard ${curve.standard}` : "no internal standard", known(curve.lod) ? `limit of detection ${amount(curve.lod)}${unit}` : null, known(curve.loq) ? `limit of quantitation ${amount(curve.loq)}${unit}` : null].filter(Boolean);
    host.append(el("p", {}, `${name}: ${facts.join("; ")}.`), el("div", {class: "columns even"}, left, right));
    left.append(el("div", {class: "figure-head"}, el("h3", {}, "Curve"), saveButtons(() => left.querySelector("svg"), `calibration ${name}`)));
    this.curveFigure(left, curve, name, of);
    left.append(el("p", {class: "reading"}, `Response: area of the quantifier${curve.standard ? " over that of the internal standard" : ", counts \u00d7 s"}. ` + "Band: where a single response is expected with the confidence of the settings. Filled: calibrators of the fit. Open: calibrators that were left out. Diamonds: QC samples."));
    right.append(el("div", {class: "figure-head"}, el("h3", {}, "Residuals"), saveButtons(() => right.querySelector("svg"), `residuals ${name}`)));
    this.residualFigure(right, points, name, of);
    const rows = curve.samples.run.map((run, place) => [run, curve.samples.amount[place], curve.samples.low[place], curve.samples.high[place], curve.samples.flag[place]]);
    if (rows.length) host.append(this.table(`Amounts of ${name}`, ["Run", `Amount${of}`, `Lower limit${of}`, `Upper limit${of}`, "Flag"], rows, [1, 2, 3]));
    host.append(this.table(`Calibrators and QC samples of ${name}`, ["Run", "Type", `Known amount${of}`, "Response", "Relative error, %", "In the fit", "Flag"],
      points.run.map((run, place) => [run, points.type[place], points.known[place], points.response[place], known(points.error[place]) ? 100 * points.error[place] : null, points.used[place] ? "yes" : "no", points.flag[place]]), [2, 3, 4]));
  },

  /** A mark for a calibrator or a QC sample. */
  mark(points, place, x, y) {
    const said = el("title", {}, `${points.run[place]}, ${points.type[place]}${points.flag[place] ? `: ${points.flag[place]}` : ""}`);
    return points.type[place] === "qc" ? el("path", {class: "qc", d: `M${x - 6} ${y}L${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}Z`}, said)
      : el("circle", {class: points.used[place] ? "standard" : "standard missing", cx: x, cy: y, r: 4}, said);
  },

  curveFigure(host, curve, name, of) {
    const {amount: at, response, low, high} = curve.curve, points = curve.points;
    const values = [...high, ...points.response].filter(known);
    const {root, box} = figure(host, 280, [24, 10, 40, 56], `Calibration curve of ${name}`);
    const x = scale(0, at.at(-1), box.left, box.right), y = scale(Math.min(0, ...low), Math.max(...values), box.bottom, box.top);
    axisX(root, box, x, 0, at.at(-1), `Amount${of}`);
    axisY(root, box, y, Math.min(0, ...low), Math.max(...values), null);
    root.append(el("text", {x: box.left - 52, y: 12}, "Response"));
    const path = list => list.map((value, k) => `${x(at[k]).toFixed(1)} ${y(value).toFixed(1)}`);
    root.append(el("path", {class: "band", d: `M${path(high).join("L")}L${path(low).reverse().join("L")}Z`}), el("path", {class: "line best", d: `M${path(response).join("L")}`}));
    points.known.forEach((value, place) => { if (known(points.response[place])) root.append(this.mark(points, place, x(value), y(points.response[place]))); });
    host.append(root);
  },

  residualFigure(host, points, name, of) {
    const shown = points.known.map((value, place) => place).filter(place => known(points.residual[place]));
    if (!shown.length) {
      host.append(el("p", {class: "empty"}, "There is no residual."));
      return;
    }
    const reach = 1.1 * Math.max(0.05, ...shown.map(place => Math.abs(points.residual[place]))), most = Math.max(...points.known) * 1.05;
    const {root, box} = figure(host, 280, [24, 10, 40, 56], `Residuals of ${name}, at most ${(100 * reach / 1.1).toFixed(0)} %`);
    const x = scale(0, most, box.left, box.right), y = scale(-100 * reach, 100 * reach, box.bottom, box.top);
    axisX(root, box, x, 0, most, `Amount${of}`);
    axisY(root, box, y, -100 * reach, 100 * reach, null);
    root.append(el("text", {x: box.left - 52, y: 12}, "Response over curve, %"), el("path", {class: "axis", d: `M${box.left} ${y(0)}H${box.right}`}));
    for (const place of shown) root.append(this.mark(points, place, x(points.known[place]), y(100 * points.residual[place])));
    host.append(root);
  },

  table(label, heads, rows, numbers) {
    const shown = value => typeof value === "number" ? String(Number(value.toPrecision(4))).replace("-", "\u2212") : value || "";
    const content = el("table", {"aria-label": label}, el("thead", {}, el("tr", {}, heads.map((head, k) => el("th", {scope: "col", class: numbers.includes(k) ? "number" : null}, head)))),
      el("tbody", {}, rows.map(row => el("tr", {}, row.map((value, k) => el(k ? "td" : "th", {scope: k ? null : "row", class: numbers.includes(k) ? "number" : null}, shown(value)))))));
    return el("div", {}, el("h4", {}, label), el("div", {class: "scroll tall", tabindex: 0, role: "region", "aria-label": label}, content), el("p", {class: "tools hover"}, csvButton(() => [heads, ...rows], label)));
  },

  blanks(found) {
    this.host.append(el("h3", {class: "below"}, "Comparison with the blanks"));
    if (!found.feature.length) {
      this.host.append(el("p", {class: "empty"}, "No feature was compared with blanks."));
      return;
    }
    const counts = {};
    for (const verdict of found.verdict) counts[verdict] = (counts[verdict] || 0) + 1;
    this.host.append(el("p", {}, Object.entries(counts).map(([verdict, n]) => `${n.toLocaleString("en")} ${verdict}`).join(", ") + ". The table of features can be filtered by this verdict."));
    const shown = found.feature.map((feature, place) => place).filter(place => known(found.log2_ratio[place]) && known(found.minus_log10_q[place]));
    if (!shown.length) return;
    const holder = el("div"), ratios = shown.map(place => found.log2_ratio[place]), low = Math.min(-1, ...ratios) - 0.5, high = Math.max(1, ...ratios) + 0.5, top = 1.05 * Math.max(1, ...shown.map(place => found.minus_log10_q[place]));
    this.host.append(el("div", {class: "figure-head"}, el("h4", {}, "Samples against blanks"), saveButtons(() => holder.querySelector("svg"), "samples against blanks")), holder);
    const {root, box} = figure(holder, 280, [24, 10, 40, 50], "Samples against blanks");
    const x = scale(low, high, box.left, box.right), y = scale(0, top, box.bottom, box.top);
    axisX(root, box, x, low, high, "log\u2082 of sample area over blank area");
    axisY(root, box, y, 0, top, null);
    root.append(el("text", {x: box.left - 46, y: 12}, "\u2212log\u2081\u2080 q (false discovery rate)"));
    for (const place of shown) {
      const i = features.id.indexOf(found.feature[place]);
      root.append(el("circle", {class: found.verdict[place] === "like blanks" ? "standard missing" : "standard", cx: x(found.log2_ratio[place]), cy: y(found.minus_log10_q[place]), r: 3, click: () => { if (i >= 0) table.choose(i, true); }},
        el("title", {}, `${found.feature[place]}: ${found.verdict[place]}${found.contaminant[place] ? `, ${found.contaminant[place]}` : ""}`)));
    }
    holder.append(root, el("p", {class: "reading"}, "Open: like the blanks. A click chooses the feature."));
  },

  qc(runs) {
    this.host.append(el("h3", {class: "below"}, "Quality control of the runs"));
    if (!runs.run.length) {
      this.host.append(el("p", {class: "empty"}, "No run was checked."));
      return;
    }
    const flagged = runs.flag.filter(Boolean).length;
    this.host.append(el("p", {}, `${flagged ? plural(flagged, "run") + " exceed" + (flagged === 1 ? "s" : "") : "No run exceeds"} a limit.`));
    const charts = [["standard_ratio", "Internal standard: area over the median", 1], ["standard_shift_s", "Internal standard: shift of the retention time, s", 0], ["median_ratio", "All features: area over their median", 1], ["shift_s", "All features: shift of the retention time, s", 0]]
      .filter(([key]) => runs[key].some(known));
    this.host.append(el("div", {class: "charts"}, charts.map(([key, name, middle]) => this.chart(runs, key, name, middle))));
    this.host.append(typeLegend(runs.type, "open: a limit is exceeded"));
    const pairs = [...document.querySelectorAll("#quantities .chart-host")];
    pairs.forEach((holder, k) => this.chartFigure(holder, runs, ...charts[k]));
    const rows = runs.run.map((run, place) => [run, runs.type[place], runs.batch[place], runs.injection[place], runs.standard_ratio[place], runs.standard_shift_s[place], runs.shift_s[place], runs.median_ratio[place], runs.flag[place]]);
    this.host.append(this.table("Quality control of the runs", ["Run", "Type", "Batch", "Injection", "Internal standard: area over the median", "Internal standard: shift, s", "All features: shift, s", "All features: area over their median", "Flag"], rows, [3, 4, 5, 6, 7]));
  },

  chart(runs, key, name) {
    const holder = el("div", {class: "chart-host"});
    return el("div", {}, el("div", {class: "figure-head"}, el("h4", {}, name), saveButtons(() => holder.querySelector("svg"), name)), holder);
  },

  chartFigure(host, runs, key, name, middle) {
    const places = runs.run.map((_, place) => place).filter(place => known(runs[key][place])), values = places.map(place => runs[key][place]);
    const low = Math.min(middle, ...values), high = Math.max(middle, ...values), margin = 0.08 * (high - low) || 0.1, last = Math.max(...runs.injection);
    const {root, box} = figure(host, 190, [12, 8, 36, 50], name);
    const x = scale(0.5, last + 0.5, box.left, box.right), y = scale(low - margin, high + margin, box.bottom, box.top);
    axisX(root, box, x, 1, last, "order of injection", true);
    axisY(root, box, y, low - margin, high + margin, null);
    root.append(el("path", {class: "axis", d: `M${box.left} ${y(middle)}H${box.right}`}));
    for (const place of places) root.append(el("circle", {class: runs.flag[place] ? "standard missing" : "standard", cx: x(runs.injection[place]), cy: y(runs[key][place]), r: 4, style: runs.flag[place] ? null : `fill:${typeColor(runs.type[place])}`},
      el("title", {}, `${runs.run[place]} (${typeWords(runs.type[place])})${runs.flag[place] ? `: ${runs.flag[place]}` : ""}`)));
    host.append(root);
  },

  scatter(found) {
    if (!found.feature.length) return;
    const shown = found.cv.filter(known).sort((a, b) => a - b), corrected = found.cv_corrected.filter(known).sort((a, b) => a - b);
    const middle = list => list.length ? `${(100 * list[list.length >> 1]).toFixed(1)} %` : "unknown";
    this.host.append(el("p", {class: "reading"}, `Coefficient of variation of the areas in the QC samples, median of ${plural(shown.length, "feature")}: ${middle(shown)}` + (corrected.length ? `; after the correction of the drift: ${middle(corrected)}.` : ".")));
  },
};
