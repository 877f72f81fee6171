# make example   set up, run the example campaign, say where the report is and what it found
# make test      set up, run the tests
# make lint      set up, check style, types and the workflow
# make bench     set up, run every benchmark against its peer
# make install   set up only: .venv with everything in it (done by the others where pyproject.toml changed)
#
# PYTHON=...     the Python to make .venv with (3.11 or newer; the first that is found)
# TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                PyTorch from another index, here the small build for machines without a GPU

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: example test lint bench install

INSTALLED := .venv/installed
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON = $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)

example: $(INSTALLED)
	@python -m snakemake --quiet host reason progress --no-hooks
	@cat results/logs/report.log

test: $(INSTALLED)
	python -m pytest

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow/rules
	python -m snakemake --lint

bench: $(INSTALLED)
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script"; done

install: $(INSTALLED)

# The stamp is made last, so an installation that was cut short is done again.
$(INSTALLED): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Needs Python 3.11 or newer with its venv module:" \
		"apt install python3 python3-venv (or name one: make PYTHON=/path/to/python3)" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) \
		"$$(sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)"
	python -m pip install --quiet --editable ".[dev,molecules]"
	touch $@
