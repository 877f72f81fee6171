"""HTML that the sections of the page share: tables, numbers, lists of names."""

from collections.abc import Sequence
from html import escape


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], frame: str, label: str) -> str:
    """Return a table in a frame that scrolls.

    Parameters
    ----------
    head : sequence of str
        Headings as text; one that begins with '#' is of a column of numbers.
    rows : sequence of sequence of str
        Cells as HTML.
    frame : str
        CSS classes of the frame.
    label : str
        Name of the table for screen readers.
    """
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


def number_text(value: float | None, form: str) -> str:
    """Format a number; null gives an empty text."""
    return "" if value is None else form.format(value)


def minutes_text(rt_s: float | None) -> str:
    """Format a time in s as minutes; null gives an empty text."""
    return "" if rt_s is None else f"{rt_s / 60:.3f}"


def range_text(lowest: float | None, highest: float | None, unit: float, form: str) -> str:
    """Format a range after dividing by `unit`; a missing end gives an empty text."""
    if lowest is None or highest is None:
        return ""
    return f"{form.format(lowest / unit)}–{form.format(highest / unit)}"


def count_text(things: Sequence[str], noun: str) -> str:
    """Return the number of things with their noun: "2 runs"."""
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def names_text(names: Sequence[str], most: int = 8) -> str:
    """Join the first `most` names and say how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
