#!/usr/bin/env bash
# Runs and results on S3, against a server on this machine:
#
#   scripts/test_s3.sh
#
# Snakemake's plugin and the server go into an environment of their own, which takes all else from the one whose python
# is found first: with the plugin in that one, every start of Snakemake would load it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH
dependencies=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder"
own=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "import site; site.addsitedir('$dependencies')" > "$own/dependencies.pth"
"$folder/bin/pip" install --quiet 'snakemake-storage-plugin-s3>=0.3,<0.4' 'moto[server]>=5,<6'
"$folder/bin/python" -m pytest tests/workflow/test_storage.py -W error::pytest.PytestWarning -rs | tee "$folder/log"
grep -q passed "$folder/log" || { echo "test-s3: the tests were skipped" >&2; exit 1; }
