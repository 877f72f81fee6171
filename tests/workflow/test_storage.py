"""Raw runs and results on S3, through Snakemake's storage plugin and a server on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .campaigns import ROOT, Campaign

NEEDED = ("snakemake_storage_plugin_s3", "moto", "flask", "boto3")
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED),
    reason="needs snakemake-storage-plugin-s3, moto[server] and boto3: make test-s3",
)
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with one raw run."""
    from moto.server import ThreadedMotoServer

    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        import boto3

        host, port = server.get_host_and_port()
        found = boto3.resource("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="laboratory")
        found.upload_file(str(ROOT / "resources" / "example" / "ladder.mzML.gz"), "raw/ladder.mzML.gz")
        yield found
    finally:
        server.stop()


def test_raw_runs_and_results_on_s3(campaign: Campaign, bucket: Any, tmp_path: Path) -> None:
    campaign.write_sheet(
        ("ladder", "s3://laboratory/raw/ladder.mzML.gz", "ladder"),
        ("blank", ROOT / "resources" / "example" / "blank.mzML.gz", "blank"),
    )
    url = bucket.meta.client.meta.endpoint_url
    command = [
        sys.executable, "-m", "snakemake", "convert", "--snakefile", str(ROOT / "Snakefile"), "--directory",
        str(campaign.folder), "--default-storage-provider", "s3", "--default-storage-prefix", "s3://laboratory/one",
        "--storage-s3-endpoint-url", url,
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {item.key for item in bucket.objects.all()}
    assert {"one/results/runs/0001.parquet", "one/results/mzml/0001/ladder.mzML"} <= names
    again = subprocess.run([*command, "--dry-run"], env=environment, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in again.stdout + again.stderr
