"""Take the picture of a report for README.md and the documentation: the list of features, and one feature.

python scripts/report_picture.py results/report/report.html --feature F0009
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.web.chromium import Chromium  # noqa: E402

WIDTH = 1300
"""Width of the window, CSS pixels. Chosen: that of a laptop."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--feature", default="", help="feature to show (default: the first)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "report.png")
    options = parser.parse_args()
    browser = Chromium(Path(tempfile.mkdtemp(prefix="chromium-")))
    try:
        hash_ = f"#feature={options.feature}" if options.feature else ""
        browser.open(options.report.resolve().as_uri() + hash_, WIDTH)
        browser.wait("document.querySelector('#detail svg') && document.querySelector('#feature-table svg')")
        top, bottom = browser.run(
            "const place = query => document.querySelector(query).getBoundingClientRect();"
            "return [place('#features h2').top + scrollY - 20, place('#detail .candidates').bottom + scrollY + 20];"
        )
        answer = browser.capture(0, top, WIDTH, bottom - top)
        options.out.write_bytes(answer)
    finally:
        browser.close()
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
