// All runs beside each other: heat map of areas, drift of retention times, internal standard.

const typeColors = {sample: "var(--soft)", blank: "var(--accent)", qc: "#c2571a", pooled_qc: "#e0a13a", calibrator: "#6a4fb3", ladder: "#b08900"};
const typeColor = type => typeColors[type] || typeColors.sample;
/** The types of runs with their colors. */
const typeLegend = (types, ...more) => el("ul", {class: "lines"}, [...new Set(types)].map(type => el("li", {}, el("i", {style: `background:${typeColor(type)}`}), typeWords(type))), ...more.map(text => el("li", {}, text)));
const typeWords = type => ({qc: "QC sample", pooled_qc: "pooled QC", undefined: "type not given", null: "type not given"})[type] || type;

const overview = {
  async start() {
    if (!nFeatures || !data.axis.length) {
      document.getElementById("across").hidden = true;
      document.querySelector('nav a[href="#across"]').hidden = true;
      return;
    }
    await Promise.all([areas.load(), chromatograms.load()]);
    heatMap.start();
    drift.start();
    standard.start();
  },

  draw() {
    for (const part of [heatMap, drift, standard]) if (part.body) part.draw();
  },

  /** A feature was chosen. */
  mark() {
    for (const part of [heatMap, drift, standard]) if (part.body) part.mark();
  },
};

const heatMap = {
  host: document.getElementById("heatmap"),
  window: null,

  start() {
    this.host.append(
      el("div", {class: "figure-head"}, el("h3", {}, "Areas by run and feature"),
        this.reset = el("button", {class: "reset", type: "button", hidden: true, click: () => this.zoom(null)}, "All features"),
        el("label", {class: "option"}, this.absolute = el("input", {type: "checkbox", change: () => this.draw()}), " one scale for all features"),
        saveButtons(() => this.body.querySelector("svg"), "areas by run and feature"),
        csvButton(() => this.csv(), "areas by run and feature")),
      this.body = el("div"),
      this.reading = el("p", {class: "reading hover"}));
    this.draw();
  },

  zoom(range) {
    const rows = table.rows.length;
    this.window = range && range[1] - range[0] >= 2 && range[1] - range[0] < rows ? range.map(Math.round) : null;
    this.draw();
  },

  csv() {
    return [["Feature", ...data.axis.map(runName)], ...table.rows.map(i => [features.id[i], ...areas.of(i).map(area => known(area) ? Number(area.toPrecision(4)) : null)])];
  },

  draw() {
    this.body.replaceChildren();
    this.reset.hidden = !this.window;
    const listed = [...table.rows].sort((a, b) => a - b), runs = data.axis.length;
    const [first, last] = this.window ? [Math.max(0, this.window[0]), Math.min(listed.length, this.window[1])] : [0, listed.length];
    const shown = listed.slice(first, last);
    if (!shown.length) {
      this.body.append(el("p", {class: "empty"}, "No feature fits the filters of the table."));
      return;
    }
    const row = Math.max(2, Math.min(18, Math.floor(560 / runs))), names = row >= 11 && this.body.clientWidth > 500;
    const space = names ? Math.min(190, 6.2 * Math.max(...data.axis.map(run => cut(runTitle(run), 28).length)) + 16) : 14;
    const {root, box} = figure(this.body, runs * row + 46, [4, 4, 42, space], `Areas of ${plural(shown.length, "feature")} in ${plural(runs, "run")}`, {class: "chart"});
    const columns = Math.min(shown.length, Math.floor(box.right - box.left));
    root.append(el("image", {x: box.left, y: box.top, width: box.right - box.left, height: runs * row, preserveAspectRatio: "none", style: "image-rendering:pixelated", href: this.picture(shown, columns)}));
    data.axis.forEach((run, number) => {
      root.append(el("rect", {x: box.left - 8, y: box.top + number * row, width: 6, height: Math.max(1, row - 1), style: `fill:${typeColor(data.runs[run].type)}`}));
      if (names) root.append(el("text", {x: box.left - 12, y: box.top + number * row + row / 2 + 4, "text-anchor": "end"}, cut(runTitle(run), 28)));
    });
    const x = scale(0, shown.length, box.left, box.right);
    this.timeAxis(root, box, shown, x, runs * row + box.top);
    this.marker = el("path", {class: "here"});
    root.append(this.marker);
    this.place = i => { const at = shown.indexOf(i); return at < 0 ? null : x(at + 0.5); };
    this.span = [box.top, box.top + runs * row];
    const at = event => Math.min(shown.length, Math.max(0, (pointerX(root, event) - box.left) / (box.right - box.left) * shown.length));
    let under = 0;
    root.addEventListener("pointermove", event => {
      const place = root.getBoundingClientRect();
      under = Math.max(0, Math.min(runs - 1, Math.floor(((event.clientY - place.top) * root.viewBox.baseVal.height / place.height - box.top) / row)));
    });
    const feature = value => shown[Math.min(shown.length - 1, Math.floor(value))];
    dragZoom(root, {...box, bottom: box.top + runs * row}, at, range => this.zoom(range.map(value => value + first)), {
      least: 3 / (box.right - box.left) * shown.length,
      move: value => { const i = feature(value), area = areas.of(i)[under]; this.say(`${runTitle(data.axis[under])}, ${features.id[i]} ${title(i)}: ${known(area) ? `area ${amount(area)}${areas.filled(i)[under] ? ", gap-filled" : ""}` : "no area"}`); },
      leave: () => this.say(""),
      click: value => table.choose(feature(value), true),
    });
    this.body.append(root, typeLegend(data.axis.map(run => data.runs[run].type), this.absolute.checked ? "stronger color: larger area (logarithmic scale for all features)" : "stronger color: larger area (each feature relative to its largest area)"));
    this.say("");
    this.mark();
  },

  timeAxis(root, box, shown, x, bottom) {
    const n = Math.max(2, Math.floor((box.right - box.left) / 90));
    for (let k = 0; k < n; k++) {
      const at = Math.min(shown.length - 1, Math.round(k * (shown.length - 1) / (n - 1)));
      root.append(el("path", {class: "axis", d: `M${x(at + 0.5)} ${bottom}v4`}), el("text", {x: Math.min(Math.max(x(at + 0.5), box.left + 14), box.right - 14), y: bottom + 16, "text-anchor": "middle"}, (features.rt[shown[at]] / 60).toFixed(1)));
    }
    root.append(el("text", {x: box.right, y: bottom + 32, "text-anchor": "end"}, "features by retention time, min"));
  },

  /** One pixel for each run and feature, or for the largest of several features. */
  picture(shown, columns) {
    const runs = data.axis.length, canvas = el("canvas", {width: columns, height: runs});
    const context = canvas.getContext("2d"), pixels = context.createImageData(columns, runs), most = data.areas.high;
    const floor = most - Math.log(1e5);
    const [r, g, b] = getComputedStyle(document.body).getPropertyValue("--accent").trim().match(/[0-9a-f]{2}/gi).map(part => parseInt(part, 16));
    const best = new Float32Array(columns * runs).fill(-1);
    shown.forEach((i, place) => {
      const column = Math.floor(place * columns / shown.length), list = areas.logarithms(i), top = list.reduce((most, area) => Math.max(most, area), -Infinity);
      list.forEach((area, run) => {
        if (area === -Infinity) return;
        const value = this.absolute.checked ? Math.max(0, (area - floor) / (most - floor)) : Math.exp((area - top) / 2);
        if (value > best[run * columns + column]) best[run * columns + column] = value;
      });
    });
    best.forEach((value, k) => {
      pixels.data[4 * k] = r;
      pixels.data[4 * k + 1] = g;
      pixels.data[4 * k + 2] = b;
      pixels.data[4 * k + 3] = value < 0 ? 0 : 20 + 235 * Math.min(1, value);
    });
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  },

  say(text) {
    this.reading.textContent = text || "The features are those of the table above. Drag to zoom; double-click for all. Click to choose a feature.";
  },

  mark() {
    const at = chosen < 0 || !this.place ? null : this.place(chosen);
    if (this.marker) this.marker.setAttribute("d", known(at) ? `M${at} ${this.span[0]}V${this.span[1]}` : "");
  },
};

const drift = {
  host: document.getElementById("drift"),

  start() {
    this.lines = data.axis.filter(run => data.runs[run].apexes).map(run => this.line(run)).filter(line => line.points.length);
    if (!this.lines.length) return;
    this.host.append(el("div", {class: "figure-head"}, el("h3", {}, "Drift of retention times"), saveButtons(() => this.body.querySelector("svg"), "drift of retention times")), this.body = el("div"),
      el("p", {class: "reading"}, "Retention time of each component minus the median over the runs, as a running median of nine components for each run. Colored: the runs that are ticked above, up to eight."));
    for (const box of chromatograms.boxes) box.addEventListener("change", () => this.draw());
    this.draw();
  },

  /** Deviations of a run in s by retention time in min, smoothed. */
  line(run) {
    const {apexTime, apexes} = data.runs[run];
    const raw = apexTime.map((t, i) => [t, apexes.f[i] >= 0 ? t * 60 - features.rt[apexes.f[i]] : null]).filter(([, delta]) => known(delta)).sort((a, b) => a[0] - b[0]);
    const points = raw.map(([t], i) => {
      const near = raw.slice(Math.max(0, i - 4), i + 5).map(([, delta]) => delta).sort((a, b) => a - b);
      return [t, near[near.length >> 1]];
    });
    return {run, points};
  },

  draw() {
    this.body.replaceChildren();
    const all = this.lines.flatMap(line => line.points);
    const low = all.reduce((least, [t]) => Math.min(least, t), Infinity), high = all.reduce((most, [t]) => Math.max(most, t), -Infinity);
    const reach = Math.max(0.5, all.reduce((most, [, delta]) => Math.max(most, Math.abs(delta)), 0));
    const {root, box} = figure(this.body, 260, [24, 8, 40, 48], `Drift of retention times in ${plural(this.lines.length, "run")}, at most ${reach.toFixed(1)} s`);
    const x = scale(low, high, box.left, box.right), y = scale(-reach, reach, box.bottom, box.top);
    axisX(root, box, x, low, high, "Retention time, min");
    axisY(root, box, y, -reach, reach, null);
    root.append(el("text", {x: box.left - 44, y: 12}, "Deviation, s"), el("path", {class: "axis", d: `M${box.left} ${y(0)}H${box.right}`}));
    const ticked = new Set(chromatograms.boxes.filter(box => box.checked).map(box => Number(box.dataset.run)));
    const colored = this.lines.filter(line => ticked.has(line.run)).slice(0, mostColors);
    const path = line => "M" + line.points.map(([t, delta]) => `${x(t).toFixed(1)} ${y(delta).toFixed(1)}`).join("L");
    root.append(el("path", {class: "line other", d: this.lines.filter(line => !colored.includes(line)).map(path).join("")}));
    colored.forEach((line, number) => root.append(el("path", {class: "trace", ...lineStyle(number), d: path(line)})));
    this.body.append(root, legend(colored.map((line, number) => [lineStyle(number), runTitle(line.run)])));
  },

  mark() {},
};

const standard = {
  host: document.getElementById("standard"),

  start() {
    this.feature = this.steadiest();
    this.pick = el("input", {type: "search", list: "standards", size: 9, "aria-label": "Feature of the internal standard", value: this.feature >= 0 ? features.id[this.feature] : ""});
    this.pick.addEventListener("change", () => { const i = features.id.indexOf(this.pick.value.trim()); if (i >= 0) { this.feature = i; this.draw(); } });
    this.host.append(el("div", {class: "figure-head"}, el("h3", {}, "Internal standard"), el("label", {class: "option"}, "Feature ", this.pick),
      el("button", {type: "button", click: () => { this.feature = chosen; this.pick.value = features.id[chosen]; this.draw(); }}, "Use the chosen one"),
      saveButtons(() => this.body.querySelector("svg"), () => `internal standard ${features.id[this.feature]}`)), this.body = el("div"), this.reading = el("p", {class: "reading"}));
    this.draw();
  },

  /** The feature that was detected in the most runs with the least scatter of its area. */
  steadiest() {
    const most = Math.max(...features.n);
    let best = -1, least = Infinity;
    for (let i = 0; i < nFeatures; i++) {
      if (features.n[i] < most) continue;
      const spread = this.spread(areas.of(i).filter(known));
      if (spread < least) [best, least] = [i, spread];
    }
    return best;
  },

  spread(values) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.length > 1 && mean > 0 ? Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)) / mean : Infinity;
  },

  draw() {
    this.body.replaceChildren();
    if (this.feature < 0) return;
    const list = areas.of(this.feature), gaps = areas.filled(this.feature), seen = list.filter(known), top = Math.max(...seen, 0) || 1;
    const {root, box} = figure(this.body, 260, [24, 8, 30, 52], `Area of ${features.id[this.feature]} in ${plural(list.length, "run")} in the order of the sheet`);
    const x = scale(-0.5, list.length - 0.5, box.left, box.right), y = scale(0, top * 1.05, box.bottom, box.top);
    const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length, spread = this.spread(seen);
    if (Number.isFinite(spread)) {
      const [up, down] = [1, -1].map(sign => Math.min(box.bottom, Math.max(box.top, y(mean * (1 + 2 * sign * spread)))));
      root.append(el("rect", {class: "band", x: box.left, width: box.right - box.left, y: up, height: down - up}), el("path", {class: "axis", d: `M${box.left} ${y(mean)}H${box.right}`}));
    }
    root.append(el("path", {class: "axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}`}), el("text", {x: box.left - 6, y: y(top) + 4, "text-anchor": "end"}, amount(top)), el("text", {x: box.left - 6, y: box.bottom + 4, "text-anchor": "end"}, "0"),
      el("text", {x: box.left - 46, y: 12}, "Area"), el("text", {x: box.right, y: box.bottom + 20, "text-anchor": "end"}, "runs in the order of the sheet"));
    list.forEach((area, run) => {
      if (!known(area)) return;
      root.append(el("circle", {cx: x(run), cy: y(area), r: list.length > 100 ? 2 : 4, class: gaps[run] ? "standard missing" : "standard", style: gaps[run] ? null : `fill:${typeColor(data.runs[data.axis[run]].type)}`},
        el("title", {}, `${runTitle(data.axis[run])}: ${amount(area)}${gaps[run] ? ", gap-filled" : ""}`)));
    });
    this.body.append(root, typeLegend(data.axis.map(run => data.runs[run].type)));
    this.reading.textContent = `${features.id[this.feature]} ${title(this.feature)}, ${minutes(features.rt[this.feature])} min: relative standard deviation ${Number.isFinite(spread) ? (100 * spread).toFixed(1) + " %" : "unknown"} over ${plural(seen.length, "run")}. Band: mean \u00b1 2 standard deviations. Open circles: gap-filled. The page proposes the feature that scatters least among those in the most runs; enter that of your standard.`;
  },

  mark() {},
};
