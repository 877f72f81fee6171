from pathlib import Path

import pytest

from spectus.web.template import fill_template, shared_style


def test_parts_are_filled_in_and_not_searched(tmp_path: Path) -> None:
    template = tmp_path / "page.html"
    template.write_text("<h1>{{title}}</h1>{{body}}é", encoding="utf-8")
    assert fill_template(template, {"title": "{{body}} \\1", "body": "x"}) == "<h1>{{body}} \\1</h1>xé"
    with pytest.raises(KeyError, match="body"):
        fill_template(template, {"title": "x"})


def test_the_shared_style_loads_nothing() -> None:
    style = shared_style()
    assert "svg.structure path" in style and "color-scheme" in style
    assert "@import" not in style and "url(" not in style
    assert style.count("{") == style.count("}")
