from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from spectus.denovo.translator import Translator
from spectus.errors import InputError
from spectus.serve.access import Access, RateLimit, read_tokens
from spectus.serve.api import create_app
from spectus.serve.limits import ServerLimits

ONE, TWO = "a-token-of-the-first", "a-token-of-the-second"
SPECTRUM = {"text": "50 1\n51 2"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_without_a_token_only_the_pages_are_open(translator: Translator) -> None:
    with TestClient(create_app(translator, ServerLimits(), access=Access((ONE, TWO)))) as client:
        for path in ("/", "/docs", "/openapi.json", "/health", "/structures.svg?smiles=C"):
            assert client.get(path).status_code == 200, path
        for path in ("/identifications", "/runs", "/predictions/absent", "/metrics", "/absent"):
            for headers in ({}, bearer("wrong" * 5), bearer(""), {"Authorization": f"Basic {ONE}"}):
                refused = client.get(path, headers=headers)
                assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer"), path
        assert client.post("/identifications", json=SPECTRUM).status_code == 401
        assert client.get("/metrics", headers=bearer(ONE)).status_code == 200


def test_each_token_has_its_own_jobs(translator: Translator) -> None:
    with TestClient(create_app(translator, ServerLimits(), access=Access((ONE, TWO)))) as client:
        name = client.post("/identifications", json=SPECTRUM, headers=bearer(ONE)).json()["jobs"][0]["id"]
        assert client.get(f"/identifications/{name}", headers=bearer(ONE)).status_code == 200
        assert client.get(f"/identifications/{name}", headers=bearer(TWO)).status_code == 404
        assert client.delete(f"/identifications/{name}", headers=bearer(TWO)).status_code == 404
        assert client.get("/identifications", headers=bearer(TWO)).json() == {"jobs": []}


def test_a_client_may_send_so_many_requests_in_a_minute() -> None:
    now = [0.0]
    limit = RateLimit(2, lambda: now[0])
    assert [limit.wait_s("a") for _ in range(3)] == [0, 0, 30]
    assert limit.wait_s("b") == 0
    now[0] = 29.0
    assert limit.wait_s("a") == 1
    now[0] = 30.0
    assert [limit.wait_s("a"), limit.wait_s("a")] == [0, 30]
    assert all(RateLimit(0).wait_s("a") == 0 for _ in range(1000))


def test_new_work_is_limited_and_answers_are_not(translator: Translator) -> None:
    with TestClient(create_app(translator, ServerLimits(), access=Access(rate=2))) as client:
        codes = [client.post("/identifications", json=SPECTRUM).status_code for _ in range(3)]
        assert codes == [202, 202, 429]
        refused = client.post("/runs", content=b"x")
        assert refused.status_code == 429 and 1 <= int(refused.headers["Retry-After"]) <= 30
        assert all(client.get("/identifications").status_code == 200 for _ in range(5))


def test_pages_of_other_origins_need_the_setting(translator: Translator) -> None:
    lab = "https://lab.example.org"
    asked = {"Origin": lab, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization, content-type"}  # fmt: skip
    access = Access((ONE,), origins=(lab,))
    with TestClient(create_app(translator, ServerLimits(), access=access)) as client:
        allowed = client.options("/identifications", headers=asked)  # a browser asks without the token
        assert allowed.status_code == 200 and allowed.headers["Access-Control-Allow-Origin"] == lab
        assert client.options("/identifications", headers=asked | {"Origin": "https://x.org"}).status_code == 400
        refused = client.get("/identifications", headers={"Origin": lab})
        assert refused.status_code == 401 and refused.headers["Access-Control-Allow-Origin"] == lab
    with TestClient(create_app(translator, ServerLimits())) as client:
        assert "Access-Control-Allow-Origin" not in client.get("/health", headers={"Origin": lab}).headers


def test_tokens_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# people\n{ONE}\n\n  {TWO}  \n")
    assert read_tokens(path) == (ONE, TWO)
    for content, said in (("", "has no token"), ("short\n", "token 1 is shorter"), ("x" * 20 + " y\n", "token 1")):
        path.write_text(content)
        with pytest.raises(InputError, match=said):
            read_tokens(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_tokens(tmp_path / "absent")


@pytest.mark.parametrize("origin", ["lab.example.org", "https://lab.example.org/page", "ftp://x", ""])
def test_what_is_no_origin_is_named(origin: str) -> None:
    with pytest.raises(InputError, match="is no origin"):
        Access(origins=(origin,))
    with pytest.raises(InputError, match="is below 0"):
        Access(rate=-1)
