"""The page in Chromium, met as a reader meets it: by links, filters and keys, on a desktop, a phone and paper."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spectus.report.campaign import CampaignResults
from spectus.report.curation import Curation
from spectus.report.write import write_report

from ..web.chromium import Chromium, needs_chromium
from .synthetic import make_library, make_quantities, make_rows, make_sheet

pytestmark = needs_chromium

N_FEATURES = 240
EARLY = """
window.saved = [];
URL.createObjectURL = blob => { saved.push(blob); return "#saved"; };
"""
HELPERS = """
const rows = () => [...document.querySelectorAll("#feature-table tbody tr[data-feature]")];
const text = row => [...row.children].map(cell => cell.textContent);
const heads = () => [...document.querySelectorAll("#feature-table thead th")].map(head => head.textContent);
const chosen = () => document.querySelector("#detail h3").textContent.split("\\u2002")[0];
const inView = row => {
  const inner = row.getBoundingClientRect(), outer = document.getElementById("feature-table").getBoundingClientRect();
  return inner.top >= outer.top && inner.bottom <= outer.bottom + 1;
};
const selected = () => rows().filter(row => row.getAttribute("aria-selected") === "true");
const pause = ms => new Promise(done => setTimeout(done, ms));
/** Wait until the details are those of the row that is chosen. */
const later = async (ms = 60) => {
  await pause(ms);
  for (let k = 0; k < 60 && selected().length && chosen() !== text(selected()[0])[0]; k++) await pause(20);
};
const put = async (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("input"));
  await later();
  const count = document.getElementById("count");
  for (let k = 0; k < 200 && count.textContent === "searching"; k++) await pause(20);
  return count.textContent;
};
const key = async (name, on = document.activeElement) => {
  on.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
  await later();
};
const press = async name => {
  const found = [...document.querySelectorAll("button")].filter(button => button.offsetParent);
  found.find(button => button.textContent === name).click();
  await later(300);
};
const candidate = place => document.querySelector(`#detail tr[data-candidate="${place}"]`);
const cells = of => [...document.querySelectorAll(of)].map(cell => cell.textContent);
const read = async (place = -1) => saved.at(place).text();
"""

Act = Callable[..., Any]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    started = Chromium(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    rows = make_rows(folder, N_FEATURES)
    for row in rows.features:
        row["confidence"] = 0.9
    library = make_library(folder / "known.msp", rows)
    files = rows.write(folder) | make_quantities(folder, rows)
    campaign = CampaignResults.read(files, make_sheet(folder / "samples.tsv"), [library])
    write_report(campaign, folder, "A campaign")
    return folder / "report.html"


@pytest.fixture
def act(browser: Chromium, report: Path) -> Act:
    """Runs the body of an asynchronous function in the page at an address; returns what it returns."""

    def acted(body: str, address: str = "", width: int = 1300) -> Any:
        browser.open(report.as_uri() + address, width, early=EARLY)
        browser.wait("document.querySelector('#standard svg') && document.querySelector('#detail svg')")
        browser.run("localStorage.clear();")
        found = browser.run(f"{HELPERS} await later(); {body}")
        assert browser.errors == []
        return found

    return acted


def test_every_feature_can_be_reached_by_scrolling_though_few_are_elements(act: Act) -> None:
    first, last, n_rows, announced = act("""
        const host = document.getElementById("feature-table"), n = rows().length, first = text(rows()[0])[0];
        host.scrollTop = host.scrollHeight;
        await later();
        const table = document.querySelector("#feature-table table");
        return [first, text(rows().at(-1))[0], n, table.getAttribute("aria-rowcount")];
    """)
    assert (first, last, announced) == ("F0001", f"F{N_FEATURES:04d}", str(N_FEATURES + 1))
    assert n_rows < 80


def test_a_link_leads_to_its_feature_and_later_links_are_followed(act: Act) -> None:
    found = act(
        """
        const seen = [[chosen(), selected().length, inView(selected()[0])]];
        for (const id of ["F0200", "F0003"]) {
          location.hash = `#feature=${id}`;
          await later();
          seen.push([chosen(), selected().length, inView(selected()[0])]);
        }
        return seen;
        """,
        "#feature=F0047",
    )
    assert found == [["F0047", 1, True], ["F0200", 1, True], ["F0003", 1, True]]


def test_a_link_leads_to_a_run(act: Act) -> None:
    assert act("return cells('tr.named th');", "#run=blank") == ["blank"]


def test_a_link_sets_filters(act: Act) -> None:
    count, level, first = act(
        """
        const [count, level] = ["count", "level"].map(id => document.getElementById(id));
        for (let k = 0; count.textContent === "searching" && k < 500; k++) await pause(20);
        return [count.textContent, level.value, text(rows()[0])[0]];
        """,
        "#level=tentative&q=aspirin",
    )
    assert (count, level, first) == ("40 of 240 features", "tentative", "F0004")


def test_filters_search_all_candidates_masses_and_numbers(act: Act) -> None:
    counts = act("""
        const base = text(rows()[0])[heads().findIndex(head => head.startsWith("Base peak"))];
        const seen = {cas: await put("q", "50-78-2"), formula: await put("q", "c8h14cln5"),
          inchikey: await put("q", "LFQSCWFLJHTTHZ"), nothing: await put("q", "no such compound")};
        await put("q", "");
        seen.unknown = await put("level", "unknown");
        await put("level", "");
        seen.source = await put("source", "predicted");
        await put("source", "");
        seen.suspect = await put("suspect", "PFAS");
        await put("suspect", "");
        await put("mz", base);
        seen.mass = rows().some(row => text(row)[0] === "F0001");
        await put("mz", "");
        seen.probable = await put("probability-from", "0.5");
        await put("probability-from", "");
        seen.nominal = await put("nominal-from", "92");
        seen.toluene = await put("nominal-to", "92");
        await put("nominal-from", "");
        await put("nominal-to", "");
        seen.confident = await put("confidence-from", "0.95");
        await put("confidence-from", "");
        seen.blank = await put("blankRatio-to", "0.01");
        await put("blankRatio-to", "");
        await put("rt-from", "5");
        seen.range = await put("rt-to", "10");
        seen.times = rows().map(row => Number(text(row)[1]));
        seen.address = location.hash;
        document.getElementById("clear").click();
        await later();
        seen.cleared = document.getElementById("count").textContent;
        return seen;
    """)
    assert counts["cas"] == "40 of 240 features"
    # Atrazine is the first candidate of no feature, and a later one of three in four.
    assert counts["formula"].endswith(" of 240 features") and not counts["formula"].startswith("0")
    assert counts["inchikey"].endswith(" of 240 features") and not counts["inchikey"].startswith("0")
    assert counts["nothing"] == counts["confident"] == "0 of 240 features"
    assert counts["unknown"] == counts["source"] == counts["suspect"] == counts["toluene"] == "40 of 240 features"
    assert counts["mass"]
    assert counts["probable"] == "160 of 240 features"
    assert counts["blank"] not in ("0 of 240 features", "240 features")
    assert counts["times"] and all(5 <= time <= 10 for time in counts["times"])
    assert counts["address"] == "#rt-from=5&rt-to=10"
    assert counts["cleared"] == "240 features"


def test_keys_move_through_the_whole_table(act: Act) -> None:
    assert act("""
        rows()[0].focus();
        const seen = [];
        for (const name of ["ArrowDown", "ArrowDown", "ArrowUp", "End", "Home", "PageDown"]) {
          await key(name);
          seen.push([chosen(), inView(selected()[0]), document.activeElement === selected()[0]]);
        }
        return seen;
    """)[:5] == [[feature, True, True] for feature in ("F0002", "F0003", "F0002", "F0240", "F0001")]


def test_letters_move_and_decide_from_anywhere(act: Act) -> None:
    seen = act("""
        await key("j", document.body);
        const seen = [chosen()];
        await key("a", document.body);
        seen.push(document.getElementById("feature-tools").querySelector("output").textContent);
        await key("j", document.body);
        await key("r", document.body);
        seen.push(document.getElementById("feature-tools").querySelector("output").textContent);
        await key("k", document.body);
        seen.push(chosen());
        await key("/", document.body);
        seen.push(document.activeElement.id);
        await key("r");
        seen.push(document.getElementById("feature-tools").querySelector("output").textContent);
        return seen;
    """)
    assert seen[0] == seen[3] == "F0002" and seen[4] == "q"
    assert seen[1].startswith("1 accepted, 0 rejected")
    assert seen[2] == seen[5] == "1 accepted, 1 rejected, 0 comments; kept in this browser"


def test_sorting_keeps_the_choice_and_empty_cells_last(act: Act) -> None:
    found = act("""
        const buttons = [...document.querySelectorAll("#feature-table thead button")];
        const head = buttons.find(button => button.textContent === "Library score");
        const column = heads().indexOf(head.textContent);
        head.click();
        const up = rows().slice(0, 3).map(row => text(row)[column]);
        head.click();
        const down = rows().slice(0, 3).map(row => text(row)[column]);
        return [up, down, document.querySelectorAll("#feature-table th[aria-sort]").length, chosen()];
    """)
    assert found == [["0.91"] * 3, ["0.91"] * 3, 1, "F0001"]


def test_the_reference_spectrum_is_called_what_it_is(act: Act) -> None:
    body = "return [cells('#detail h3'), cells('#detail .rows tr[data-hit] td')];"
    assert "Measured spectrum (above) and measured reference (below)" in act(body, "#feature=F0001")[0]
    assert "Measured spectrum, no reference" in act(body, "#feature=F0005")[0]
    assert act(body, "#feature=F0004")[1][1] == "predicted"


def test_a_chosen_candidate_is_compared_with_its_own_spectrum(act: Act) -> None:
    before, after, why, pressed = act("""
        const head = () => document.querySelector("#detail .columns h3").textContent;
        const seen = [head()];
        candidate(1).click();
        seen.push(head(), cells("#detail .columns p.soft")[0], candidate(1).getAttribute("aria-selected"));
        return seen;
    """)
    assert "measured reference" in before and after == "Measured spectrum, no reference"
    assert why == "No library has a spectrum of candidate 2." and pressed == "true"


def test_peaks_carry_the_formulas_that_explain_them(act: Act, browser: Chromium, report: Path) -> None:
    """The base peak of the feature is among the explained peaks only if the page finds it by nominal mass."""
    ions = act(
        "return [cells('#detail svg text.ion'), document.querySelector('#detail .columns .reading').textContent];",
        "#feature=F0001",
    )
    assert "Formulas: ions of candidate 1" in ions[1]


def test_what_the_spectrum_excludes_and_derivatives_are_said(act: Act) -> None:
    rows, notes, drawn = act(
        "return [cells('#detail tr.excluded .why'), cells('#detail .note.excluded'), "
        "cells('#detail figure.excluded figcaption')];",
        "#feature=F0006",
    )
    assert rows == ["Excluded by the spectrum: m/z 47 has no formula within C2H6O"]
    assert notes and "excludes the first candidate" in notes[0]
    assert "excluded: m/z 47" in drawn[0]
    derivative = act("return [cells('#detail td.candidate')[0], cells('#detail header p')[1]];", "#feature=F0003")
    assert "as 2 TMS" in derivative[0] and "measured as 2 TMS" in derivative[1]


def test_the_prediction_set_and_none_of_these_are_shown(act: Act) -> None:
    sentence, last, name = act(
        "return [cells('#detail .reading').find(text => text.startsWith('Prediction set')), "
        "cells('#detail tr.none td'), cells('#detail tr.set-90')[0]];",
        "#feature=F0004",
    )
    assert sentence == (
        "Prediction set with 80 % coverage: 1 candidate (rank 1); with 90 %: 1 candidate (rank 1) and “none of these”."
    )
    assert last[1] == "none of these" and "0.100" in last
    assert "none of these" in name


def test_no_column_is_always_empty_and_none_needs_hovering(act: Act) -> None:
    heads, candidate_heads, terms = act("""
        return [heads(), cells("#detail .candidates th"), cells("#terms dt")];
    """)
    for column in ("Probability", "Library score", "Predicted score", "CAS", "Level", "Explained"):
        assert column in heads and column in candidate_heads
    assert {"Decision", "90 % set", "Blank ratio", "Confidence", "M"} <= set(heads)
    for column in ("Formula p", "Scaffold p", "RI predicted", "Set"):
        assert column in candidate_heads
    assert "Posterior" not in candidate_heads
    assert {"RT", "RI", "ΔRI", "S/N", "Purity", "ln p", "Probability", "EIC", "2a", "2b", "3", "5"} <= set(terms)


def test_decisions_are_kept_exported_imported_and_applied(act: Act, tmp_path: Path) -> None:
    exported, kept, taken, refused, marks = act("""
        candidate(1).click();
        await press("Accept");
        const comment = document.getElementById("comment");
        comment.value = "standard ordered";
        comment.dispatchEvent(new Event("input"));
        location.hash = "#feature=F0002";
        await later();
        await press("Reject");
        await press("Export decisions");
        const exported = await read();
        const kept = Object.values(localStorage)[0];
        await press("\\u2717 Rejected");
        const file = text => {
          const picker = document.querySelector("#feature-tools input[type=file]"), transfer = new DataTransfer();
          transfer.items.add(new File([text], "theirs.json"));
          picker.files = transfer.files;
          picker.dispatchEvent(new Event("change"));
          return later(300);
        };
        const said = () => document.querySelector("#feature-tools output").textContent;
        await file(exported);
        const taken = said();
        await file("{}");
        return [exported, kept, taken, said(), rows().slice(0, 3).map(row => text(row).at(-1))];
    """)
    decisions = json.loads(exported)
    assert decisions["format"] == "spectus-curation"
    assert decisions["features"]["F0001"]["smiles"] and decisions["features"]["F0001"]["comment"] == "standard ordered"
    assert decisions["features"]["F0002"]["verdict"] == "rejected"
    assert json.loads(kept) == decisions["features"]
    assert taken == "2 decisions read from theirs.json."
    assert refused == "theirs.json is not a file of decisions."
    assert marks == ["✓ accepted", "✗ rejected", ""]
    (tmp_path / "decisions.json").write_text(exported, encoding="utf-8")
    assert set(Curation.read(tmp_path / "decisions.json").decisions) == {"F0001", "F0002"}


def test_figures_are_saved_as_svg_and_png_and_tables_as_csv(act: Act) -> None:
    svg, png, table, drawn = act("""
        const all = name => [...document.querySelectorAll(`button[aria-label="${name}"]`)]
          .filter(button => button.offsetParent);
        for (const button of all("Save the figure as SVG")) { button.click(); await later(30); }
        const drawings = await Promise.all(saved.map(blob => blob.text()));
        const n = saved.length;
        for (const button of all("Save the figure as PNG").slice(0, 3)) {
          const before = saved.length;
          button.click();
          for (let k = 0; saved.length === before && k < 200; k++) await pause(50);
        }
        const png = await Promise.all(saved.slice(n).map(async blob => [blob.type, blob.size]));
        document.querySelector("#feature-tools button.csv").click();
        return [drawings.length, png, await read(), drawings];
    """)
    assert svg >= 10 and png == [["image/png", size] for _, size in png] and len(png) == 3
    assert all(size > 1000 for _, size in png)
    assert all(text.startswith("<svg") and "currentColor" not in text.split("<title")[0] for text in drawn)
    assert all('xmlns="http://www.w3.org/2000/svg"' in text for text in drawn)
    lines = table.removeprefix("\ufeff").splitlines()
    assert len(lines) == N_FEATURES + 1 and lines[0].startswith("Feature,") and "Toluene" in lines[1]


def test_structures_spectra_and_keys_are_copied(act: Act) -> None:
    assert act("""
        const copied = [];
        Object.defineProperty(navigator, "clipboard", {value: {writeText: text => { copied.push(text); }}});
        for (const name of ["SMILES", "InChIKey", "spectrum"]) {
          document.querySelector(`#detail button[aria-label="Copy the ${name}"]`).click();
          await later(30);
        }
        return [copied[0], copied[1], copied[2].split("\\n")[0], copied[2].includes("Num Peaks: 24")];
    """) == ["Cc1ccccc1", "YXFVVABEGXRONW-UHFFFAOYSA-N", "NAME: F0001", True]


def test_runs_are_overlaid_and_zoomed_without_steps(act: Act) -> None:
    stacked, overlaid, names, zoomed = act("""
        const svgs = () => document.querySelectorAll("#chromatograms svg.chart").length;
        const seen = [svgs()];
        document.querySelector("#chromatograms .option input").click();
        seen.push(svgs(), cells("#chromatograms ul.lines li"));
        await key("+", document.querySelector("#chromatograms svg"));
        seen.push(document.querySelector("#chromatograms .reset").hidden);
        return seen;
    """)
    assert stacked == 4 and overlaid == 1 and len(names) == 4 and zoomed is False


def test_runs_are_compared_in_a_heat_map_and_by_their_drift(act: Act) -> None:
    image, types, drift, standard = act("""
        return [document.querySelector("#heatmap image").getAttribute("href").slice(0, 22),
          cells("#heatmap ul.lines li"), document.querySelectorAll("#drift path.trace").length,
          document.querySelector("#standard .reading").textContent];
    """)
    assert image == "data:image/png;base64," and types[:2] == ["sample", "blank"]
    assert drift == 3 and "relative standard deviation" in standard


def test_calibration_blanks_and_quality_control_are_shown(act: Act) -> None:
    facts, marks, tables, verdicts, said = act("""
        const host = document.getElementById("quantities");
        const marks = ["circle.standard", "circle.missing", "path.qc"].map(
          kind => host.querySelectorAll(`.columns > div:first-child ${kind}`).length);
        const listed = await put("blank-verdict", "like blanks");
        return [cells("#quantities-body p")[0], marks, cells("#quantities h4"), listed, cells("#quantities-body p")];
    """)
    assert "linear, weights 1/x" in facts and "R\u00b2 0.9991" in facts and "limit of detection 4 ug/mL" in facts
    assert marks == [3, 1, 1]
    assert "Amounts of Toluene" in tables and "Quality control of the runs" in tables
    assert verdicts == "80 of 240 features"
    assert any("80 above blanks, 80 like blanks, 80 absent in blanks" in text for text in said)
    assert "1 run exceeds a limit." in said
    assert any(text.endswith("12.0 %; after the correction of the drift: 8.0 %.") for text in said)


def test_the_printer_gets_all_rows(act: Act) -> None:
    before, printed, after = act("""
        const seen = [rows().length];
        dispatchEvent(new Event("beforeprint"));
        seen.push(rows().length);
        dispatchEvent(new Event("afterprint"));
        return [...seen, rows().length];
    """)
    assert printed == N_FEATURES > before == after


@pytest.mark.parametrize("width", [390, 768, 1300, 1900])
def test_nothing_is_wider_than_the_window(act: Act, browser: Chromium, width: int) -> None:
    page, window = act("return [document.documentElement.scrollWidth, innerWidth];", "#feature=F0001", width)
    assert page <= window == width
    browser.screenshot(f"report-{width}")


@pytest.mark.parametrize("width", [390, 1300])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(act: Act, browser: Chromium, width: int, scheme: str) -> None:
    act("return 1;", "#feature=F0006", width)
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; });")
    assert browser.axe() == []


def test_paper_shows_the_chosen_feature(act: Act, browser: Chromium) -> None:
    act("return 1;", "#feature=F0002&level=2b")
    assert browser.print("report").stat().st_size > 20_000
