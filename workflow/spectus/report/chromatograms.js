// The total ion currents of the runs, one below the other or over each other, with zoom.

const mostModels = 30;  // model peaks in one window; more cannot be told apart
const mostOverlaid = 8;  // runs in one figure: as many as there are colors

const chromatograms = {
  host: document.getElementById("chromatograms"),
  boxes: [...document.querySelectorAll("input[data-run]")],
  window: null,

  async start() {
    if (!this.boxes.length) {
      this.host.append(el("p", {class: "empty"}, "No chromatogram can be drawn: none of the runs has a readable mzML file."));
      return;
    }
    this.boxes.forEach((box, number) => {
      box.checked = number < 4;
      box.addEventListener("change", () => this.draw());
    });
    this.host.append(el("p", {class: "empty"}, "The chromatograms are being unpacked."));
    await this.load();
    const option = (name, text) => el("label", {class: "option"}, this[name] = el("input", {type: "checkbox", change: () => this.draw()}), ` ${text}`);
    this.host.replaceChildren(
      el("div", {class: "figure-head"},
        el("h3", {}, "Total ion current"),
        this.reset = el("button", {class: "reset", type: "button", click: () => this.zoom(null)}, "Whole run"),
        option("overlay", "overlay the runs"), option("root", "square-root scale"),
        saveButtons(() => this.whole(), "total ion current")),
      this.body = el("div"),
      this.reading = el("p", {class: "reading hover"}));
    this.say("");
    this.draw();
  },

  load() {
    this.loaded = this.loaded || packed.value("tic").then(found => found.forEach((part, place) => {
      const run = data.runs[place];
      Object.assign(run, part);
      if (run.apexes) {
        run.apexTime = times(run.apexes.t);
        run.apexes.f = places(run.apexes.f);
      }
      if (run.drawn) run.time = times(run.tic.t);
    }));
    return this.loaded;
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

  /** All traces in one figure, to be saved. */
  whole() {
    const parts = [...this.body.querySelectorAll("svg")];
    if (parts.length < 2) return parts[0];
    const sizes = parts.map(part => part.getAttribute("viewBox").split(" ").map(Number));
    const width = Math.max(...sizes.map(size => size[2])), height = sizes.reduce((sum, size) => sum + size[3], 0);
    const root = el("svg", {viewBox: `0 0 ${width} ${height}`, "aria-label": "Total ion current"});
    let top = 0;
    parts.forEach((part, number) => {
      const group = el("g", {transform: `translate(0 ${top})`});
      group.append(...[...part.children].map(child => child.cloneNode(true)));
      root.append(group);
      top += sizes[number][3];
    });
    this.body.append(root);  // styles are computed of elements in the page only
    requestAnimationFrame(() => root.remove());
    return root;
  },

  draw() {
    if (!this.body) return;
    const runs = this.shown();
    this.body.replaceChildren();
    this.reset.hidden = !this.window;
    if (!runs.length) {
      this.body.append(el("p", {class: "empty"}, "Tick a run in the table above to see its chromatogram."));
      return;
    }
    const whole = [Math.min(...runs.map(run => run.time[0])), Math.max(...runs.map(run => run.time.at(-1)))];
    const range = this.window || whole;
    if (this.overlay.checked && runs.length > 1) this.overlaid(runs, range, whole);
    else runs.forEach((run, number) => this.trace(run, range, whole, runs.length === 1 ? 230 : 120, number === runs.length - 1));
  },

  /** The points of a run in a window: all of them, or the lowest and highest of each pixel's share. */
  points(run, low, high, width) {
    const first = Math.max(0, lowerBound(run.time, low) - 1), last = Math.min(run.time.length, lowerBound(run.time, high) + 1);
    if (last - first <= 3 * width) return Array.from({length: last - first}, (_, k) => first + k);
    const found = [];
    const step = (last - first) / width;
    for (let bin = 0; bin < width; bin++) {
      const start = first + Math.floor(bin * step), end = Math.min(last, first + Math.floor((bin + 1) * step));
      let lowest = start, highest = start;
      for (let i = start; i < end; i++) {
        if (run.tic.y[i] < run.tic.y[lowest]) lowest = i;
        if (run.tic.y[i] > run.tic.y[highest]) highest = i;
      }
      found.push(...(lowest === highest ? [lowest] : [Math.min(lowest, highest), Math.max(lowest, highest)]));
    }
    return found;
  },

  height(value, top) {
    const share = Math.max(0, value) / top;
    return this.root.checked ? Math.sqrt(share) : share;
  },

  overlaid(runs, range, whole) {
    const shown = runs.slice(0, mostOverlaid), [low, high] = range;
    const {root, box} = figure(this.body, 330, [20, 4, 46, 4], `Total ion current of ${shown.map(run => run.name).join(", ")}, ${low.toFixed(2)} to ${high.toFixed(2)} min`, {class: "chart", tabindex: 0});
    const x = scale(low, high, box.left, box.right), clip = value => Math.min(box.right, Math.max(box.left, value));
    const points = shown.map(run => this.points(run, low, high, box.right - box.left));
    const counts = (run, i) => run.tic.y[i] / 9999 * run.tic.top;
    const top = Math.max(1, ...shown.map((run, number) => points[number].reduce((most, i) => Math.max(most, counts(run, i)), 0)));
    shown.forEach((run, number) => root.append(el("path", {class: "trace", ...lineStyle(number),
      d: "M" + points[number].map(i => `${clip(x(run.time[i])).toFixed(1)} ${(box.bottom - this.height(counts(run, i), top) * (box.bottom - box.top)).toFixed(1)}`).join("L")})));
    if (chosen >= 0 && features.rt[chosen] / 60 >= low && features.rt[chosen] / 60 <= high) root.append(el("path", {class: "here", d: `M${x(features.rt[chosen] / 60)} ${box.top}V${box.bottom}`}));
    axisX(root, box, x, low, high, "Retention time, min");
    root.append(el("text", {x: box.right, y: 12, "text-anchor": "end"}, `top ${amount(top)} counts`));
    this.listen(root, shown[0], box, low, high, whole);
    this.body.append(root, legend(shown.map((run, number) => [lineStyle(number), runTitle(data.runs.indexOf(run))])));
    if (runs.length > shown.length) this.body.append(el("p", {class: "reading"}, `The first ${mostOverlaid} of ${runs.length} ticked runs are drawn.`));
  },

  trace(run, [low, high], whole, height, last) {
    const {root, box} = figure(this.body, height + (last ? 38 : 16), [20, 4, last ? 46 : 24, 4],
      `Total ion current of ${run.name}, ${low.toFixed(2)} to ${high.toFixed(2)} min; ${plural(run.apexTime.length, "component")}`,
      {class: "chart", tabindex: 0});
    const inside = this.points(run, low, high, box.right - box.left);
    const top = Math.max(1, inside.reduce((most, i) => Math.max(most, run.tic.y[i]), 0));
    const x = scale(low, high, box.left, box.right), y = value => box.bottom - this.height(value, top) * (box.bottom - box.top);
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
      el("text", {x: box.right, y: 12, "text-anchor": "end"}, `${run.type ? run.type.replace("_", " ") + ", " : ""}top ${amount(top / 9999 * run.tic.top)} counts`));
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
    const time = event => low + (Math.min(box.right, Math.max(box.left, pointerX(root, event))) - box.left) / (box.right - box.left) * (high - low);
    const perPixel = (high - low) / (box.right - box.left);
    const nearest = at => {
      let best = -1;
      run.apexTime.forEach((t, i) => {
        if (Math.abs(t - at) < 6 * perPixel && (best < 0 || Math.abs(t - at) < Math.abs(run.apexTime[best] - at))) best = i;
      });
      return best;
    };
    dragZoom(root, box, time, range => this.zoom(range), {
      least: 5 * perPixel,
      move: at => {
        const apex = nearest(at), feature = apex < 0 ? -1 : run.apexes.f[apex];
        const near = apex < 0 ? "" : `, component at ${run.apexTime[apex].toFixed(3)} min` + (feature < 0 ? " (no feature)" : `, ${features.id[feature]} ${title(feature)}`);
        this.say(`${run.name}: ${at.toFixed(3)} min${near}`);
      },
      leave: () => this.say(""),
      click: at => {
        const apex = nearest(at);
        if (apex >= 0 && run.apexes.f[apex] >= 0) table.choose(run.apexes.f[apex], true);
      },
    });
    root.addEventListener("keydown", event => {
      const span = high - low, move = {ArrowLeft: -0.2, ArrowRight: 0.2}[event.key];
      const stretch = {"+": 0.5, "=": 0.5, "-": 2}[event.key];
      const number = [...this.body.children].indexOf(root);
      if (move) this.keep([low + move * span, high + move * span], whole);
      else if (stretch) this.keep([(low + high) / 2 - span * stretch / 2, (low + high) / 2 + span * stretch / 2], whole);
      else if (event.key === "0" || event.key === "Escape") this.zoom(null);
      else return;
      event.preventDefault();
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

/** The place of the first value of an ascending list that is not below a limit. */
function lowerBound(values, limit) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < limit) low = middle + 1; else high = middle;
  }
  return low;
}

/** Where a pointer is on a figure, in the figure's own units. */
function pointerX(root, event) {
  const place = root.getBoundingClientRect();
  return (event.clientX - place.left) * (root.viewBox.baseVal.width / place.width);
}

/** Dragging over a figure chooses a range; a double click chooses all. */
function dragZoom(root, box, value, zoom, {least, move, leave, click}) {
  let from = null;
  const brush = el("rect", {class: "brush", y: box.top, height: box.bottom - box.top, width: 0});
  root.append(brush);
  root.addEventListener("pointerdown", event => { from = {at: value(event), x: pointerX(root, event)}; });
  root.addEventListener("pointermove", event => {
    move(value(event));
    if (from === null) return;
    const ends = [from.x, pointerX(root, event)].map(x => Math.min(box.right, Math.max(box.left, x))).sort((a, b) => a - b);
    brush.setAttribute("x", ends[0]);
    brush.setAttribute("width", ends[1] - ends[0]);
  });
  root.addEventListener("pointerleave", () => { from = null; brush.setAttribute("width", 0); leave(); });
  root.addEventListener("pointerup", event => {
    const at = value(event), start = from;
    from = null;
    brush.setAttribute("width", 0);
    if (start !== null && Math.abs(at - start.at) > least) zoom([start.at, at].sort((a, b) => a - b));
    else click(at);
  });
  root.addEventListener("dblclick", () => zoom(null));
}
