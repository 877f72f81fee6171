import re

from spectus.serve.metrics import Metrics

from .conftest import Start

SAMPLE = re.compile(r'^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+-]+$')


def test_requests_and_jobs_are_counted(start: Start) -> None:
    client = start()
    for path in ("/health", "/health", "/predictions/secret-name", "/absent/anything"):
        client.get(path)
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'spectus_requests_total{method="GET",path="/health",status="200"} 2' in lines
    assert 'spectus_requests_total{method="GET",path="/predictions/{id}",status="404"} 1' in lines
    assert 'spectus_requests_total{method="GET",path="other",status="404"} 1' in lines
    assert 'spectus_jobs{kind="identification",status="queued"} 0' in lines
    assert 'spectus_workers{kind="spectus-runs"} 1' in lines
    assert "secret" not in answer.text and "anything" not in answer.text


def test_every_line_has_the_format_of_prometheus() -> None:
    metrics = Metrics()
    metrics.count("GET", 'a "b" \\ c', 200, 0.25)
    text = metrics.text({"run": {"queued": 1}}, {"worker": 2}, "1.0", "a\nmodel")
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP spectus_", "# TYPE spectus_")) or SAMPLE.match(line), line
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) == 6
