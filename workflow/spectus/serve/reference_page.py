"""The description of the REST interface as a page for people, made of the schema that programs read."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from spectus.web.template import shared_style

_STYLE = """
.verb { display: inline-block; min-width: 4.2rem; font-weight: 600; color: var(--accent); }
article { margin-top: 2rem; }
article h3 { font-size: 1.05rem; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; margin: 0.4rem 0 0.8rem; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
.scroll { overflow: auto; }
"""
_REF = "#/components/schemas/"


def reference_page(schema: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    schema : mapping
        The OpenAPI schema of an application.
    """
    models = schema.get("components", {}).get("schemas", {})
    title = "REST interface"
    about = "".join(f"<p>{_code(part)}</p>" for part in schema["info"].get("description", "").split("\n\n"))
    articles = "".join(
        _operation(verb, path, operation, models)
        for path, operations in schema["paths"].items()
        for verb, operation in operations.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{shared_style()}{_STYLE}</style></head><body><header><h1>{title}</h1>"
        f'<p class="soft">spectus {escape(schema["info"]["version"])}. '
        '<a href="openapi.json">openapi.json</a> has the same for programs. <a href="./">Web page</a></p></header>'
        f"<main>{about}<section><h2>Paths</h2>{articles}</section></main></body></html>"
    )


def _operation(verb: str, path: str, operation: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    what = f"{verb.upper()} {path}"
    parts = [f'<h3><span class="verb">{verb.upper()}</span> <code>{escape(path)}</code></h3>']
    parts.append(f"<p>{_code(operation.get('summary', ''))}</p>")
    parameters = [
        (each["name"], _kind(each["schema"]), each.get("description") or each["schema"].get("description", ""))
        for each in operation.get("parameters", [])
    ]
    if parameters:
        parts.append(_table("Parameter", parameters, what))
    body = operation.get("requestBody", {})
    for media, content in body.get("content", {}).items():
        parts.append(f"<p>Body: <code>{escape(media)}</code> {_code(body.get('description', ''))}</p>")
        parts.append(_model_table(content["schema"], models, ("Key of the body", what)))
        region = f'tabindex="0" role="region" aria-label="Example: {escape(what)}"'
        examples = _examples(content["schema"], models)
        parts += [f"<pre {region}><code>{escape(text)}</code></pre>" for text in examples]
    answers = operation["responses"]
    good: Mapping[str, Any] = next((answers[code] for code in answers if code.startswith("2")), {})
    for content in good.get("content", {}).values():
        parts.append(_model_table(content.get("schema", {}), models, ("Key of the answer", what)))
    codes = [(code, "", answer.get("description", "")) for code, answer in sorted(answers.items())]
    parts.append(_table("Status", codes, what))
    return f"<article>{''.join(parts)}</article>"


def _model_table(schema: Mapping[str, Any], models: Mapping[str, Any], named: tuple[str, str]) -> str:
    rows = list(_fields(schema, models))
    return _table(named[0], rows, named[1]) if rows else ""


def _fields(schema: Mapping[str, Any], models: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield name, type and meaning of each key; those of a list's elements follow the list."""
    model = models.get(schema.get("$ref", "").removeprefix(_REF), schema)
    for name, rule in model.get("properties", {}).items():
        needed = "" if name in model.get("required", ()) else ", optional"
        lists = [one for one in (rule, *rule.get("anyOf", ())) if one.get("type") == "array"]
        inner = lists[0].get("items", {}) if lists else {}
        yield f"{above}{name}", _kind(rule) + needed, rule.get("description", "")
        if "$ref" in inner:
            yield from _fields(inner, models, f"{above}{name}[].")


def _kind(rule: Mapping[str, Any]) -> str:
    if "$ref" in rule:
        return str(rule["$ref"]).removeprefix(_REF)
    if "anyOf" in rule:
        return " or ".join(_kind(one) for one in rule["anyOf"])
    kind = str(rule.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(rule.get('items', {}))}"
    bounds = [f"{word} {rule[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in rule]
    return " ".join([kind, *bounds, *([f"(default: {rule['default']})"] if rule.get("default") is not None else [])])


def _examples(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[str]:
    model = models.get(schema.get("$ref", "").removeprefix(_REF), schema)
    for example in model.get("examples", ()):
        yield json.dumps(example)


def _table(head: str, rows: list[tuple[str, str, str]], what: str) -> str:
    kinds = any(kind for _, kind, _ in rows)
    heads = [head, *(["Type"] if kinds else []), "Meaning"]
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td>{f'<td>{escape(kind)}</td>' if kinds else ''}"
        f"<td>{_code(text)}</td></tr>"
        for name, kind, text in rows
    )
    top = "".join(f'<th scope="col">{each}</th>' for each in heads)
    label = escape(f"{head}: {what}")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _code(text: str) -> str:
    """Return a text as HTML; what stands between backticks is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))
