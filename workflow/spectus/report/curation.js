// Decisions of the reader about features. The browser keeps them; a small JSON file carries them to others.

const curation = {
  key: `spectus-curation-${data.campaign}`,
  decisions: {...data.curation},

  start() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) || "null");
      if (kept) this.decisions = {...data.curation, ...kept};
    } catch { /* a browser may refuse to keep anything; then decisions last until the page is closed */ }
    const picker = el("input", {type: "file", accept: ".json,application/json", hidden: true, "aria-label": "File of decisions", change: event => this.open(event.target)});
    document.getElementById("feature-tools").append(
      csvButton(() => table.csv(), "features"),
      el("button", {type: "button", id: "export-decisions", click: () => this.save()}, "Export decisions"),
      el("button", {type: "button", click: () => picker.click()}, "Import decisions"), picker,
      this.state = el("output", {"aria-live": "polite"}));
    this.say();
  },

  of(i) {
    return this.decisions[features.id[i]] || {};
  },

  /** Accept the candidate, or reject all of them; the same again takes it back. */
  decide(i, verdict, candidate) {
    const before = this.of(i), smiles = candidate ? candidate[C.smiles] : features.smiles[i], inchikey = candidate ? candidate[C.inchikey] : null;
    const again = before.verdict === verdict && (verdict === "rejected" || before.smiles === smiles);
    this.put(i, again ? {verdict: null, inchikey: null, smiles: null} : verdict === "accepted" ? {verdict, inchikey, smiles} : {verdict, inchikey: null, smiles: null});
  },

  put(i, change) {
    const decision = {verdict: null, inchikey: null, smiles: null, comment: "", ...this.of(i), ...change};
    if (decision.verdict || decision.comment) this.decisions[features.id[i]] = decision;
    else delete this.decisions[features.id[i]];
    this.keep();
    table.refresh(i);
  },

  keep() {
    try { localStorage.setItem(this.key, JSON.stringify(this.decisions)); } catch { /* see start */ }
    this.say();
  },

  say(text) {
    const made = Object.values(this.decisions), count = verdict => made.filter(decision => decision.verdict === verdict).length;
    this.state.textContent = text || (made.length ? `${count("accepted")} accepted, ${count("rejected")} rejected, ${plural(made.filter(decision => decision.comment).length, "comment")}; kept in this browser` : "");
  },

  text() {
    const sorted = Object.fromEntries(features.id.filter(id => this.decisions[id]).map(id => [id, this.decisions[id]]));
    return JSON.stringify({format: "spectus-curation", version: 1, campaign: data.campaign, features: sorted}, null, 1) + "\n";
  },

  save() {
    download("decisions.json", this.text(), "application/json");
  },

  async open(picker) {
    const file = picker.files[0];
    picker.value = "";
    if (file) this.take(await file.text(), file.name);
  },

  /** Add the decisions of a file to those that are there; the file's come first. */
  take(text, name) {
    let content;
    try { content = JSON.parse(text); } catch { content = null; }
    if (!content || content.format !== "spectus-curation" || content.version !== 1 || typeof content.features !== "object") {
      this.say(`${name} is not a file of decisions.`);
      return;
    }
    const known = new Set(features.id), found = Object.entries(content.features);
    const mine = found.filter(([id, decision]) => known.has(id) && decision && [null, undefined, "accepted", "rejected"].includes(decision.verdict));
    for (const [id, decision] of mine) this.decisions[id] = {verdict: decision.verdict || null, inchikey: decision.inchikey || null, smiles: decision.smiles || null, comment: String(decision.comment || "")};
    this.keep();
    table.draw();
    detail.draw();
    const lost = found.length - mine.length;
    this.say(`${plural(mine.length, "decision")} read from ${name}` + (lost ? `; ${lost} are about features that this campaign does not have` : "") +
      (content.campaign && content.campaign !== data.campaign ? ". The file says that it belongs to another campaign." : "."));
  },
};
