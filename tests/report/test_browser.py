"""The page in Chromium, met as a reader meets it: by links, filters and keys.

Each test appends a script to the page that acts and then writes what it saw into the document, which Chromium prints.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from spectus.report.campaign import CampaignResults
from spectus.report.write import write_report

from .synthetic import make_library, make_rows, make_sheet

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

N_FEATURES = 240
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
const put = (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("input"));
  return document.getElementById("count").textContent;
};
const key = name =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
const later = () => new Promise(done => setTimeout(done, 100));
"""

Act = Callable[..., Any]


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory) -> Act:
    """Runs the body of an asynchronous function in the page at an address; returns what it returns."""
    folder = tmp_path_factory.mktemp("browser")
    rows = make_rows(folder, N_FEATURES)
    library = make_library(folder / "known.msp", rows)
    campaign = CampaignResults.read(rows.write(folder), make_sheet(folder / "samples.tsv"), [library])
    write_report(campaign, folder, "A campaign")
    html = (folder / "report.html").read_text(encoding="utf-8")
    early = "<script>window.errors = []; addEventListener('error', event => errors.push(event.message));</script>"

    def acted(body: str, address: str = "", size: str = "1300,900") -> Any:
        late = (
            f"<script>(async () => {{ {HELPERS} const found = await (async () => {{ {body} }})(); "
            "const seen = document.createElement('pre'); seen.id = 'seen'; "
            "seen.textContent = JSON.stringify({found, errors}); document.body.append(seen); })();</script>"
        )
        page = html.replace("<head>", f"<head>{early}", 1).replace("</body>", f"{late}</body>", 1)
        (folder / "page.html").write_text(page, encoding="utf-8")
        command = [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={size}", "--virtual-time-budget=5000",
            "--dump-dom", f"{(folder / 'page.html').as_uri()}{address}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        seen = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
        assert seen, done.stderr
        answer = json.loads(seen[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        assert answer["errors"] == []
        return answer["found"]

    return acted


def test_every_feature_can_be_reached_by_scrolling_though_few_are_elements(act: Act) -> None:
    first, last, n_rows, announced = act("""
        const host = document.getElementById("feature-table"), n = rows().length, first = text(rows()[0])[0];
        host.scrollTop = host.scrollHeight;
        host.dispatchEvent(new Event("scroll"));
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
    assert act("return [...document.querySelectorAll('tr.named th')].map(cell => cell.textContent);", "#run=blank") == [
        "blank"
    ]


def test_a_link_sets_filters(act: Act) -> None:
    count, level, first = act(
        """
        const [count, level] = ["count", "level"].map(id => document.getElementById(id));
        return [count.textContent, level.value, text(rows()[0])[0]];
        """,
        "#level=tentative&q=aspirin",
    )
    assert (count, level, first) == ("40 of 240 features", "tentative", "F0004")


def test_filters_search_all_candidates_masses_and_numbers(act: Act) -> None:
    counts = act("""
        const base = text(rows()[0])[heads().findIndex(head => head.startsWith("Base peak"))];
        const seen = {cas: put("q", "50-78-2"), formula: put("q", "c8h14cln5"), inchikey: put("q", "LFQSCWFLJHTTHZ"),
          nothing: put("q", "no such compound")};
        put("q", "");
        seen.unknown = put("level", "unknown");
        put("level", "");
        seen.source = put("source", "predicted");
        put("source", "");
        put("mz", base);
        seen.mass = rows().some(row => text(row)[0] === "F0001");
        put("mz", "");
        put("rt-from", "5");
        seen.range = put("rt-to", "10");
        seen.times = rows().map(row => Number(text(row)[1]));
        seen.address = location.hash;
        document.getElementById("clear").click();
        seen.cleared = document.getElementById("count").textContent;
        return seen;
    """)
    assert counts["cas"] == "40 of 240 features"
    # Atrazine is the first candidate of no feature, and a later one of three in four.
    assert counts["formula"].endswith(" of 240 features") and not counts["formula"].startswith("0")
    assert counts["inchikey"].endswith(" of 240 features") and not counts["inchikey"].startswith("0")
    assert counts["nothing"] == "0 of 240 features"
    assert counts["unknown"] == counts["source"] == "40 of 240 features"
    assert counts["mass"]
    assert counts["times"] and all(5 <= time <= 10 for time in counts["times"])
    assert counts["address"] == "#rt-from=5&rt-to=10"
    assert counts["cleared"] == "240 features"


def test_keys_move_through_the_whole_table(act: Act) -> None:
    assert act("""
        rows()[0].focus();
        const seen = [];
        for (const name of ["ArrowDown", "ArrowDown", "ArrowUp", "End", "Home", "PageDown"]) {
          key(name);
          seen.push([chosen(), inView(selected()[0]), document.activeElement === selected()[0]]);
        }
        return seen;
    """)[:5] == [[feature, True, True] for feature in ("F0002", "F0003", "F0002", "F0240", "F0001")]


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
    body = "return [...document.querySelectorAll('#detail h3')].map(head => head.textContent);"
    assert "Measured spectrum (above) and measured reference (below)" in act(body, "#feature=F0001")
    assert "Measured spectrum, no reference" in act(body, "#feature=F0005")
    kinds = act(
        "return [...document.querySelectorAll('#detail .rows td')].map(cell => cell.textContent);", "#feature=F0004"
    )
    assert kinds[1] == "predicted"


def test_no_column_is_always_empty_and_none_needs_hovering(act: Act) -> None:
    heads, candidate_heads, terms = act("""
        return [heads(), [...document.querySelectorAll("#detail th")].map(head => head.textContent),
          [...document.querySelectorAll("#terms dt")].map(term => term.textContent)];
    """)
    assert "Probability" not in heads and "Probability" not in candidate_heads
    for column in ("Posterior", "Library score", "Predicted score", "CAS", "Level"):
        assert column in heads and column in candidate_heads
    assert {"RT", "RI", "ΔRI", "S/N", "Purity", "ln p", "Posterior", "2a", "2b", "3", "5"} <= set(terms)


def test_the_printer_gets_all_rows(act: Act) -> None:
    before, printed, after = act("""
        const seen = [rows().length];
        dispatchEvent(new Event("beforeprint"));
        seen.push(rows().length);
        dispatchEvent(new Event("afterprint"));
        return [...seen, rows().length];
    """)
    assert printed == N_FEATURES > before == after


@pytest.mark.parametrize("size", ["500,900", "1600,900"])
def test_nothing_is_wider_than_the_window(act: Act, size: str) -> None:
    wide = "return [document.documentElement.scrollWidth, innerWidth];"
    page, window = act(wide, size=size)
    assert page <= window
