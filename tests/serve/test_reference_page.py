import re

from .conftest import Start


def test_the_page_describes_every_path_and_key(start: Start) -> None:
    client = start()
    answer = client.get("/docs")
    assert answer.status_code == 200 and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    schema = client.get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for verb in operations:
            assert f'<span class="verb">{verb.upper()}</span> <code>{path}</code>' in answer.text
    for key in ("denovo", "num_candidates", "components[].probability", "jobs[].status", "Retry-After"):
        assert f"<code>{key}</code>" in answer.text
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script""", answer.text)
    assert "None" not in re.sub(r"<pre>.*?</pre>", "", answer.text)
