#!/usr/bin/env bash
# What is in a wheel, and that it works without the checkout:
#
#   scripts/wheel_smoke.sh build/dist/spectus_workflow-VERSION-py3-none-any.whl
#
# The wheel goes into an environment of its own in a temporary folder; what it depends on comes from the environment
# whose python is found first. Commands run there too, so nothing tells them where the checkout is.
set -euo pipefail
(($# == 1)) || { echo "usage: scripts/wheel_smoke.sh WHEEL" >&2; exit 2; }

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
wheel=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset PYTHONPATH SPECTUS_RESOURCES
export PYTHONNOUSERSITE=1

fail() {
    echo "wheel: $*" >&2
    exit 1
}

files() { # of a folder, without what Python writes there by itself
    (cd "$1" && find . -type f ! -name '*.pyc' | LC_ALL=C sort)
}

# PyPI takes 100 MB; a model that is too large to ship shows here first.
(($(wc -c < "$wheel") < 60000000)) || fail "larger than 60 MB"

dependencies=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
python -m venv --without-pip "$folder/venv"
venv_python=$folder/venv/bin/python
python -m pip --python "$venv_python" install --quiet --no-deps "$wheel"
packages=$("$venv_python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# A .pth file read from here adds the folder but not the .pth files in it: the editable installation stays out.
echo "$dependencies" > "$packages/dependencies.pth"

diff <(files "$checkout/workflow/spectus") <(files "$packages/spectus") ||
    fail "its package differs from workflow/spectus: see package-data in pyproject.toml"
for part in models libraries; do
    diff <(files "$checkout/resources/$part") <(files "$folder/venv/share/spectus/resources/$part") ||
        fail "its resources differ from resources/$part: see data-files in pyproject.toml"
done

mkdir "$folder/work"
cd "$folder/work"
export PATH=$folder/venv/bin:$PATH
[[ $(python -c 'import spectus; print(spectus.__file__)') == "$packages"/* ]] || fail "imports another spectus"

printf '%s\n' 'Cc1ccccc1 toluene' 'CCCCCCCC octane' 'c1ccc2ccccc2c1 naphthalene' > molecules.smi
cat > query.msp <<'MSP'
Name: toluene
Num Peaks: 8
39 11; 50 4; 51 6; 63 7; 65 12; 89 4; 91 100; 92 74

MSP
spectus --help > help.txt
grep -q '^ *search ' help.txt || fail "spectus --help does not name the command search"
spectus predict molecules.smi --model neims --out predicted.parquet
spectus search query.msp --library predicted.parquet --out hits.parquet
python - <<'PYTHON'
import pyarrow.parquet as pq

hits = pq.read_table("hits.parquet").sort_by("rank").to_pylist()
assert hits and hits[0]["smiles"] == "Cc1ccccc1", f"toluene is not found among predicted spectra: {hits}"
PYTHON
echo "wheel: complete, and works without the checkout"
