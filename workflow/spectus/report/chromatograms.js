// The total ion currents of the runs, one below the other, with zoom.

const mostModels = 30;  // model peaks in one window; more cannot be told apart

const chromatograms = {
  host: document.getElementById("chromatograms"),
  boxes: [...document.querySelectorAll("input[data-run]")],
  window: null,

  start() {
    if (!this.boxes.length) {
      this.host.append(el("p", {class: "empty"}, "No chromatogram can be drawn: none of the runs has a readable mzML file."));
      return;
    }
    for (const run of data.runs) if (run.tic && run.tic.t) {
      run.time = times(run.tic.t);
      run.apexTime = times(run.apexes.t);
    }
    this.boxes.forEach((box, number) => {
      box.checked = number < 4;
      box.addEventListener("change", () => this.draw());
    });
    this.host.append(
      el("div", {class: "figure-head"},
        el("h3", {}, "Total ion current"),
        this.reset = el("button", {class: "reset", type: "button", click: () => this.zoom(null)}, "Whole run"),
        el("label", {class: "option"}, this.root = el("input", {type: "checkbox", change: () => this.draw()}), " square-root scale")),
      this.body = el("div"),
      this.reading = el("p", {class: "reading hover"}));
    this.say("");
    this.draw();
  },

  shown() {
    return this.boxes.filter(box => box.checked).map(box => data.runs[box.dataset.run]);
  },

  zoom(range) {
    this.window = range && range[1] - range[0] > 0.02 ? range : null;
    this.draw();
  },

  say(text) {
    this.reading.textContent = text ||
      "Ticks below a trace are its components; those of a feature are colored. Click a tick to choose its feature. Drag to zoom; double-click for the whole run. Model peaks are drawn where at most 30 components are in view. Keys: + \u2212 \u2190 \u2192 and 0.";
  },

  draw() {
    const runs = this.shown();
    this.body.replaceChildren();
    this.reset.hidden = !this.window;
    if (!runs.length) {
      this.body.append(el("p", {class: "empty"}, "Tick a run in the table above to see its chromatogram."));
      return;
    }
    const whole = [Math.min(...runs.map(run => run.time[0])), Math.max(...runs.map(run => run.time.at(-1)))];
    const range = this.window || whole;
    runs.forEach((run, number) => this.trace(run, range, whole, runs.length === 1 ? 230 : 120, number === runs.length - 1));
  },

  trace(run, [low, high], whole, height, last) {
    const {root, box} = figure(this.body, height + (last ? 38 : 16), [20, 4, last ? 46 : 24, 4],
      `Total ion current of ${run.name}, ${low.toFixed(2)} to ${high.toFixed(2)} min; ${plural(run.apexTime.length, "component")}`,
      {class: "chart", tabindex: 0});
    const inside = run.time.map((t, i) => i).filter(i => run.time[Math.min(i + 1, run.time.length - 1)] >= low && run.time[Math.max(i - 1, 0)] <= high);
    const top = Math.max(1, ...inside.map(i => run.tic.y[i]));
    const height01 = this.root.checked ? value => Math.sqrt(Math.max(0, value) / top) : value => value / top;
    const x = scale(low, high, box.left, box.right), y = value => box.bottom - height01(value) * (box.bottom - box.top);
    const clip = value => Math.min(box.right, Math.max(box.left, value));
    if (chosen >= 0) {
      const at = features.rt[chosen] / 60;
      if (at >= low && at <= high) root.append(el("path", {class: "here", d: `M${x(at)} ${box.top}V${box.bottom}`}));
    }
    this.models(root, run, low, high, time => clip(x(time)), counts => y(counts / run.tic.top * 9999), box);
    root.append(el("path", {class: "line", d: "M" + inside.map(i => `${clip(x(run.time[i])).toFixed(1)} ${y(run.tic.y[i]).toFixed(1)}`).join("L")}));
    const marks = {known: "", other: ""};
    run.apexTime.forEach((t, i) => {
      if (t >= low && t <= high) marks[run.apexes.f[i] >= 0 ? "known" : "other"] += `M${x(t).toFixed(1)} ${box.bottom + 3}v7`;
    });
    root.append(el("path", {class: "mark", d: marks.other}), el("path", {class: "mark known", d: marks.known}));
    root.append(el("path", {class: "axis", d: `M${box.left} ${box.bottom}H${box.right}`}));
    const below = {...box, bottom: box.bottom + 12};
    if (last) axisX(root, below, x, low, high, "Retention time, min");
    root.append(el("text", {x: box.left, y: 12, class: "name"}, run.name),
      el("text", {x: box.right, y: 12, "text-anchor": "end"}, `${run.type ? run.type + ", " : ""}top ${amount(top / 9999 * run.tic.top)} counts`));
    this.listen(root, run, box, low, high, whole);
    this.body.append(root);
  },

  /** The model peaks of a window that is narrow enough to tell them apart. */
  models(root, run, low, high, x, y, box) {
    const near = run.apexTime.map((t, i) => i).filter(i => run.apexTime[i] >= low && run.apexTime[i] <= high);
    if (!run.apexes.m || near.length > mostModels) return;
    for (const i of near) {
      if (!run.apexes.m[i]) continue;
      const [start, step, ...heights] = run.apexes.m[i];
      const points = heights.map((share, k) => `${x((start + k * step) / 6000).toFixed(1)} ${Math.max(box.top, y(share / 100 * run.apexes.h[i])).toFixed(1)}`);
      root.append(el("path", {class: run.apexes.f[i] >= 0 ? "model known" : "model", d: `M${points.join("L")}`}));
    }
  },

  listen(root, run, box, low, high, whole) {
    const time = event => {
      const place = root.getBoundingClientRect();
      const at = (event.clientX - place.left) * (root.viewBox.baseVal.width / place.width);
      return low + (Math.min(box.right, Math.max(box.left, at)) - box.left) / (box.right - box.left) * (high - low);
    };
    const perPixel = (high - low) / (box.right - box.left);
    const nearest = at => {
      let best = -1;
      run.apexTime.forEach((t, i) => {
        if (Math.abs(t - at) < 6 * perPixel && (best < 0 || Math.abs(t - at) < Math.abs(run.apexTime[best] - at))) best = i;
      });
      return best;
    };
    let from = null;
    const brush = el("rect", {class: "brush", y: box.top, height: box.bottom - box.top, width: 0});
    root.append(brush);
    root.addEventListener("pointerdown", event => { from = time(event); });
    root.addEventListener("pointermove", event => {
      const at = time(event), apex = nearest(at);
      const feature = apex < 0 ? -1 : run.apexes.f[apex];
      const near = apex < 0 ? "" : `, component at ${run.apexTime[apex].toFixed(3)} min` + (feature < 0 ? " (no feature)" : `, ${features.id[feature]} ${title(feature)}`);
      this.say(`${run.name}: ${at.toFixed(3)} min${near}`);
      if (from === null) return;
      const ends = [from, at].map(scale(low, high, box.left, box.right)).sort((a, b) => a - b);
      brush.setAttribute("x", ends[0]);
      brush.setAttribute("width", ends[1] - ends[0]);
    });
    root.addEventListener("pointerleave", () => { from = null; brush.setAttribute("width", 0); this.say(""); });
    root.addEventListener("pointerup", event => {
      const at = time(event), start = from;
      from = null;
      if (start !== null && Math.abs(at - start) > 5 * perPixel) this.zoom([start, at].sort((a, b) => a - b));
      else {
        const apex = nearest(at);
        if (apex >= 0 && run.apexes.f[apex] >= 0) table.choose(run.apexes.f[apex], true);
      }
    });
    root.addEventListener("dblclick", () => this.zoom(null));
    root.addEventListener("keydown", event => {
      const span = high - low, move = {ArrowLeft: -0.2, ArrowRight: 0.2}[event.key];
      const stretch = {"+": 0.5, "=": 0.5, "-": 2}[event.key];
      if (move) this.keep([low + move * span, high + move * span], whole);
      else if (stretch) this.keep([(low + high) / 2 - span * stretch / 2, (low + high) / 2 + span * stretch / 2], whole);
      else if (event.key === "0" || event.key === "Escape") this.zoom(null);
      else return;
      event.preventDefault();
      const number = [...this.body.children].indexOf(root);
      this.body.children[Math.max(number, 0)].focus();
    });
  },

  /** Zoom to a range moved back inside the whole. */
  keep([low, high], [first, last]) {
    const span = Math.min(high - low, last - first);
    const start = Math.min(Math.max(low, first), last - span);
    this.zoom(span >= last - first ? null : [start, start + span]);
  },
};
