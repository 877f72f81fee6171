"""Pieces of HTML that the parts of the page share: tables, numbers, lists of names."""

from collections.abc import Sequence
from html import escape


def table(head: Sequence[str], rows: Sequence[Sequence[str]], frame: str, label: str) -> str:
    """A table of ready HTML cells; a heading that begins with '#' is of a column of numbers."""
    kinds = [' class="number"' if name.startswith("#") else "" for name in head]
    heads = "".join(
        f'<th scope="col"{kind}>{escape(name.removeprefix("#"))}</th>' for name, kind in zip(head, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row"{kind}>{cell}</th>' if place == 0 else f"<td{kind}>{cell}</td>"
            for place, (cell, kind) in enumerate(zip(row, kinds, strict=True))
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="{frame}" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def minutes(rt_s: float | None) -> str:
    return "" if rt_s is None else f"{rt_s / 60:.3f}"


def span(lowest: float | None, highest: float | None, unit: float, form: str) -> str:
    if lowest is None or highest is None:
        return ""
    return f"{form.format(lowest / unit)}–{form.format(highest / unit)}"


def count(things: Sequence[str], noun: str) -> str:
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def listed(names: Sequence[str], most: int = 8) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
