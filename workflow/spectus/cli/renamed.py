"""Names of commands and options before version 0.4. They stay accepted; each prints one line with the new name."""

COMMANDS = {"forward": "predict", "translate": "denovo", "rank": "identify"}
"""Old name of each command that has a new one."""

EVALUATIONS = ("denovo", "identification")
"""Kinds of `spectus evaluate`."""

OPTIONS = {
    "calibrate": {"--rungs": "--ri-standards"},
    "align": {"--abundances": "--peak-areas"},
    "search": {"--forward": "--reranker", "--without": "--exclude"},
    "denovo": {"--part": "--chunk"},
    "identify": {"--translations": "--denovo", "--forward": "--reranker", "--features": ""},
    "report": {
        "--rungs": "--ri-standards", "--abundances": "--peak-areas", "--translations": "--denovo",
        "--truth": "--ground-truth",
    },
    "molecules": {"--held-out": "--exclude", "--without": "--exclude"},
    "predict": {"--part": "--chunk"},
    "evaluate": {"--forward": "--reranker", "--held-out": "--exclude"},
    "train": {"--held-out": "--exclude", "--forward": "--prediction-model"},
}  # fmt: skip
"""Old options of each command and their new names; an empty name drops the word, since its value is positional now."""


def current(words: list[str]) -> tuple[list[str], list[str]]:
    """Replace old names in the words of a command line.

    Parameters
    ----------
    words
        The command line after `spectus`.

    Returns
    -------
    words
        The same with the names of this version.
    notes
        One line for each name that was replaced.
    """
    place = next((at for at, word in enumerate(words) if not word.startswith("-")), None)
    if place is None:
        return words, []
    found, notes = list(words), list[str]()
    if found[place] in COMMANDS:
        notes.append(f"`spectus {found[place]}` is now called `spectus {COMMANDS[found[place]]}`")
        found[place] = COMMANDS[found[place]]
    if found[place] == "evaluate" and _begins_with_a_model(found[place + 1 :]):
        notes.append("`spectus evaluate` of a model is now called `spectus evaluate denovo`")
        found.insert(place + 1, "denovo")
        words = [*words[: place + 1], "denovo", *words[place + 1 :]]
    options = OPTIONS.get(found[place], {})
    for at in range(place + 1, len(found)):
        name, equals, value = found[at].partition("=")
        if name in options:
            new = options[name]
            found[at] = f"{new}{equals}{value}" if new else value
            notes.append(f"the option {name} is now {new or 'the first argument'}")
    return [word for at, word in enumerate(found) if word or words[at] == ""], notes


def _begins_with_a_model(words: list[str]) -> bool:
    """Tell whether the words after `evaluate` name a model and no kind of evaluation."""
    first = next(iter(words), "")
    return bool(first) and first not in EVALUATIONS and first not in ("-h", "--help")
