"""Campaigns in folders of their own, and Snakemake run in them as a user would."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

# The jobs of a campaign with one chunk of runs, one library, one chunk of features and nothing predicted.
PLAIN = {
    "convert_chunk": 1, "deconvolve_chunk": 1, "calibrate": 1, "align": 1, "library_table": 1, "search": 1,
    "quantify": 1, "denovo_chunk": 1, "identify": 1, "report": 1, "all": 1,
}  # fmt: skip
# The predicted library that the example searches ships.
EXAMPLE = PLAIN
# With another list or model it builds the list and predicts it.
PREDICTED = {**PLAIN, "molecule_list": 1, "predict_chunk": 2}
# With a short list of its own it predicts too, and is soon done.
FINISHED = {**PLAIN, "predict_chunk": 2}
SHORT_LIST = """smiles,name,cas
O=C1CCCCN1,2-piperidone,675-20-7
O=CN1CCCC1,n-formylpyrrolidine,3760-54-1
CC1CCCN1C,"1,2-dimethylpyrrolidine",765-48-0
CN1CCCC1=O,n-methylpyrrolidone,872-50-4
N#CSCc1ccccc1,benzyl thiocyanate,3012-37-1
O=C=NCc1ccccc1,benzyl isocyanate,3173-56-6
CCCCCCCCCC,decane,124-18-5
c1ccc2ccccc2c1,naphthalene,91-20-3
"""


@dataclass(frozen=True)
class Campaign:
    """A working directory with a configuration, a sample sheet and what ships under resources/."""

    folder: Path
    snakefile: Path = ROOT / "Snakefile"

    @classmethod
    def example(cls, folder: Path, changes: Mapping[str, Any] | None = None) -> "Campaign":
        """The example's files, with keys of its configuration changed."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resources").symlink_to(ROOT / "resources")
        shutil.copytree(ROOT / "config", folder / "config")
        campaign = cls(folder)
        campaign.change(changes or {})
        return campaign

    def shorten(self) -> None:
        """Predict a few molecules in place of the predicted library that ships."""
        (self.folder / "short.csv").write_text(SHORT_LIST, encoding="utf-8")
        self.change({"predict": {"molecules": "short.csv"}})

    def change(self, changes: Mapping[str, Any]) -> None:
        file = self.folder / "config" / "config.yaml"
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key, value in changes.items():
            config[key] = {**config[key], **value} if isinstance(value, Mapping) else value
        file.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")

    def write_sheet(self, *rows: tuple[str, str | Path, str]) -> None:
        lines = ["run\tpath\ttype", *("\t".join(map(str, row)) for row in rows)]
        (self.folder / "config" / "samples.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def snakemake(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """What `snakemake --directory FOLDER ...` does, from another directory."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.snakefile), "--directory"]
        # Jobs find the package by themselves, and not by the path that pytest sets.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [*command, str(self.folder), *arguments], cwd=self.folder.parent, env=environment,
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip

    def run(self, *arguments: str) -> str:
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Number of jobs of each rule in a dry run; empty if nothing is to be done."""
        said = self.run(*arguments, "--dry-run", "--quiet", "rules", "reason", "host")
        table = re.search(r"Job stats:\n.*\n-+ +-+\n(?P<rows>(?:.+\n)+)", said)
        if not table:
            assert "Nothing to be done" in said, said
            return {}
        counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table["rows"], re.MULTILINE)}
        del counts["total"]
        return counts
