// The table of candidates of a feature: what orders it, the prediction set, and what the spectrum excludes.

/** The columns of the table of candidates: those that have a value anywhere in the campaign. */
const candidateColumns = [
  {key: "cas", nowrap: true},
  {key: "formula", head: "Formula", nowrap: true},
  {key: "source", show: source => source === data.noneOfThese ? "" : sourceText(source)},
  {key: "probability", digits: 3},
  {key: "set", head: "Set", nowrap: true, show: value => `${value} %`},
  {key: "formulaProbability", digits: 2},
  {key: "scaffoldProbability", digits: 2},
  {key: "libraryScore", digits: 3},
  {key: "predictedScore", digits: 3},
  {key: "explained", digits: 2},
  {key: "riDelta", digits: 1, signed: true},
  {key: "riPredicted", digits: 0},
  {key: "logProb", digits: 2},
  {key: "level", show: levelMark},
].filter(column => data.candidateColumns.includes(column.key)).map(column => ({...column, head: column.head || term(column.key)}));

function candidateTable(shown, i) {
  const reasons = shown.reasons.map(reason => el("p", {class: "note"}, reason));
  if (!shown.candidates.length) return el("div", {}, el("h3", {}, "Candidates"), el("p", {class: "empty"}, "No candidate."), reasons);
  const heads = [["Rank", true], ["Candidate", false], ...candidateColumns.map(column => [column.head, Boolean(column.digits !== undefined)])];
  const rows = shown.candidates.map((candidate, place) => candidateRow(candidate, place, i));
  return el("div", {},
    el("div", {class: "figure-head"}, el("h3", {}, "Candidates"), csvButton(() => candidatesCsv(shown), () => `${features.id[i]} candidates`)),
    el("div", {class: "scroll candidates", tabindex: 0, role: "region", "aria-label": "Candidates"}, el("table", {role: "grid", "aria-label": "Candidates; choose one to compare its spectrum"},
      el("thead", {}, el("tr", {}, heads.map(([head, number]) => el("th", {scope: "col", class: number ? "number" : null}, head)))), el("tbody", {class: "rows"}, rows))),
    setSentence(shown), el("p", {class: "reading"}, candidateOrder()), columnMeanings(), shown.more ? el("p", {class: "reading"}, `The data set has ${plural(shown.more, "more candidate")}.`) : null, reasons);
}

function candidateRow(candidate, place, i) {
  const none = candidate[C.source] === data.noneOfThese, excluded = candidate[C.excluded];
  const act = () => { if (!none) detail.choose(place); };
  const accepted = curation.of(i).verdict === "accepted" && place === detail.candidate;
  return el("tr", {tabindex: none ? null : 0, "data-candidate": place, "aria-selected": place === detail.candidate && !none ? "true" : "false",
    class: [excluded ? "excluded" : "", candidate[C.set] ? `set-${candidate[C.set]}` : "", none ? "none" : "", accepted ? "accepted" : ""].join(" ").trim() || null,
    click: act, keydown: event => { if (event.key === "Enter" || event.key === " ") { if (event.target.tagName === "TR") { event.preventDefault(); act(); } } }},
    el("td", {class: "number"}, none ? "" : String(candidate[C.rank])), none ? el("td", {class: "candidate"}, "none of these") : nameOfCandidate(candidate),
    candidateColumns.map(column => candidateCell(column, candidate)));
}

function nameOfCandidate(candidate) {
  const smiles = candidate[C.smiles], inchikey = candidate[C.inchikey];
  const notes = [
    candidate[C.derivative] ? `as ${candidate[C.derivative]}` : null,
    candidate[C.suspects] ? `suspect list: ${candidate[C.suspects]}` : null].filter(Boolean);
  return el("td", {class: "break candidate"},
    candidate[C.name] ? el("div", {}, candidate[C.name], notes.length ? el("span", {class: "notes"}, ` (${notes.join("; ")})`) : null) : notes.length ? el("div", {class: "notes"}, notes.join("; ")) : null,
    candidate[C.excluded] ? el("div", {class: "why"}, `Excluded by the spectrum: ${candidate[C.excluded]}`) : null,
    el("div", {class: smiles ? "smiles" : "soft"}, smiles || "no structure in the library"),
    el("div", {class: "hover copies"}, smiles ? copyButton(smiles, "SMILES", "SMILES") : null, inchikey ? copyButton(inchikey, "InChIKey", "InChIKey") : null));
}

function candidateCell(column, candidate) {
  const value = candidate[C[column.key]];
  if (column.digits !== undefined) return el("td", {class: "number"}, (column.signed ? signed : fixed)(value, column.digits));
  return el("td", {class: column.nowrap ? "nowrap" : null}, known(value) ? (column.show || String)(value) : "");
}

function candidatesCsv(shown) {
  const fields = ["rank", "name", "cas", "formula", "source", "probability", "formulaProbability", "scaffoldProbability", "set", "libraryScore", "predictedScore", "explained", "riDelta", "riPredicted", "logProb", "level", "derivative", "excluded", "suspects", "smiles", "inchikey"];
  return [fields.map(field => data.terms[field] ? term(field) : field), ...shown.candidates.map(candidate => fields.map(field => field === "name" && candidate[C.source] === data.noneOfThese ? "none of these" : candidate[C[field]]))];
}

/** What orders the candidates. */
function candidateOrder() {
  const has = key => candidateColumns.some(column => column.key === key);
  const order = has("probability") ? "Ranked by probability."
    : `Ranked by ${["libraryScore", "predictedScore", "logProb"].filter(has).map(key => term(key).toLowerCase()).join(", then ") || "source"}; this campaign has no calibrated probabilities.`;
  return order;
}

/** The meaning of each column and mark; the section on terms has the same. */
function columnMeanings() {
  const about = candidateColumns.filter(column => column.key !== "formula").map(column => [column.head, data.terms[column.key][1]]);
  const marks = ["excluded", "derivative", "suspects"].filter(key => data.candidateColumns.includes(key)).map(key => data.terms[key]);
  return el("details", {class: "meanings"}, el("summary", {}, "What the columns mean"),
    el("dl", {class: "terms"}, [...about, ...marks].map(([name, meaning]) => el("div", {}, el("dt", {}, name), el("dd", {}, meaning)))));
}

/** The prediction sets of the feature in words. */
function setSentence(shown) {
  if (!data.candidateColumns.includes("set")) return null;
  const inside = most => shown.candidates.filter(candidate => candidate[C.set] && candidate[C.set] <= most);
  const words = most => {
    const listed = inside(most), others = listed.filter(candidate => candidate[C.source] !== data.noneOfThese);
    const none = listed.length > others.length ? (others.length ? " and \u201cnone of these\u201d" : "\u201cnone of these\u201d") : "";
    const ranks = others.length > 6 ? `ranks ${others[0][C.rank]} to ${others.at(-1)[C.rank]}` : `rank${others.length > 1 ? "s" : ""} ${others.map(candidate => candidate[C.rank]).join(", ")}`;
    return listed.length ? `${others.length ? plural(others.length, "candidate") + ` (${ranks})` : ""}${none}` : "empty";
  };
  return el("p", {class: "reading"}, `Prediction set with 80 % coverage: ${words(80)}; with 90 %: ${words(90)}.`);
}
