# Every target sets up .venv first where that is missing or out of date; `make help` lists the targets.
#
# PYTHON=...     the Python to make .venv with (3.11 or newer; the first that is found)
# TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                PyTorch from another index, here the small build for machines without a GPU
# UPGRADE=1      make lock: take the newest versions that pyproject.toml allows

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help example test test-slow test-slurm slurm test-s3 lint wheel wheel-smoke docs coverage bench named-library lock install

INSTALLED := .venv/installed
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON = $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)

help: ## print this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target what; do \
		printf 'make %-13s %s\n' "$$target" "$$what"; done

example: $(INSTALLED) ## run the example campaign, say where the report is and what it found
	@python -m snakemake --quiet host reason progress --no-hooks
	@cat results/logs/report.log

test: $(INSTALLED) ## run the tests
	python -m pytest -n 2 --dist loadfile

test-slow: $(INSTALLED) ## run the tests that take minutes
	python -m pytest -m slow

SLURM_PACKAGES := slurmctld slurmd slurm-client munge
slurm: $(INSTALLED) ## install SLURM where apt can, for the tests
	@python -c 'from tests.slurm.cluster import missing; raise SystemExit(bool(missing()))' || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(SLURM_PACKAGES); \
	} || { echo "Needs SLURM: sudo apt-get install $(SLURM_PACKAGES)" >&2; exit 2; }

test-slurm: slurm ## install SLURM where apt can, and run the tests that start it on this machine
	python -m pytest -m slurm tests/slurm

test-s3: $(INSTALLED) ## run the tests of runs and results on S3, in an environment of their own
	scripts/test_s3.sh

lint: $(INSTALLED) ## check style, types, imports, the workflow, and that the wheel works by itself
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-cache
	snakefmt --check Snakefile workflow/rules
	python -m snakemake --lint
	$(MAKE) --no-print-directory wheel-smoke

wheel: $(INSTALLED) ## build the source distribution and, from it, the wheel, into build/dist
	rm -rf build/dist
	python -m build --no-isolation --outdir build/dist . > build/wheel.log 2>&1 || { cat build/wheel.log >&2; exit 1; }
	ls -sh build/dist

wheel-smoke: wheel ## install the wheel in an environment of its own and run it outside the checkout
	scripts/wheel_smoke.sh build/dist/*.whl

docs: $(INSTALLED) ## build the documentation into build/site
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --site-dir build/site

coverage: $(INSTALLED) ## run the tests and report which lines they run, also as build/coverage/html
	python -m pytest --cov --cov-report=term --cov-report=html --cov-report=xml:build/coverage/coverage.xml

bench: $(INSTALLED) ## run every benchmark against its peer
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script"; done

named-library: $(INSTALLED) ## predict the library of named compounds that ships anew
	python scripts/named_library.py

lock: $(INSTALLED) ## write requirements.lock anew from pyproject.toml
	python scripts/lock.py $(if $(UPGRADE),--upgrade)

install: $(INSTALLED) ## set up only: .venv with everything in it

# PyTorch comes first and without what it needs, since that lies on PyPI, whatever the index of PyTorch itself.
# The stamp is made last, so an installation that was cut short is done again.
$(INSTALLED): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Needs Python 3.11 or newer with its venv module:" \
		"apt install python3 python3-venv (or name one: make PYTHON=/path/to/python3)" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) \
		"$$(grep '^torch==' requirements.lock)"
	python -m pip install --quiet --requirement requirements.lock
	python -m pip install --quiet --no-deps --no-build-isolation --editable .
	python -m compileall -q workflow/spectus # pip does so for other packages; without it every start may compile
	touch $@
