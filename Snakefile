# Raw GC-MS runs in, identified molecules out: one campaign from the runs of a sample sheet to a report.
# Every rule calls one command of the package in workflow/spectus; docs/reference/configuration.md explains every setting.

import atexit
import os

from snakemake.utils import min_version

min_version("9.25")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# `--sdm apptainer` runs the jobs in the image that this variable names, built from envs/Containerfile.
IMAGE = os.getenv("SPECTUS_CONTAINER")

if IMAGE:

    container: IMAGE


include: "workflow/rules/common.smk"
include: "workflow/rules/convert.smk"
include: "workflow/rules/deconvolve.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/align.smk"
include: "workflow/rules/molecules.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/quantify.smk"
include: "workflow/rules/denovo.smk"
include: "workflow/rules/identify.smk"
include: "workflow/rules/report.smk"


if config["train"]["library"]:

    include: "workflow/rules/train.smk"


# What the report says it found, and where it is: the last lines of a run, after those of Snakemake.
onsuccess:
    if REPORT_LOG.is_file():
        atexit.register(print, REPORT_LOG.read_text(encoding="utf-8").rstrip())


# `snakemake` makes the report; `snakemake convert` (deconvolve, calibrate, align, library, molecules, predict, search,
# quantify, denovo, identify) stops after that stage. `snakemake train` trains a model of your own instead.
rule all:
    default_target: True
    input:
        rules.report.output,


rule convert:
    input:
        rules.align.input.runs,


rule deconvolve:
    input:
        rules.calibrate.input.components,


rule library:
    input:
        rules.search.input.libraries,


rule molecules:
    input:
        rules.molecule_list.output,


rule predict:
    input:
        rules.search.input.predicted,


rule denovo:
    input:
        rules.identify.input.denovo,


rule train:
    input:
        (
            rules.score_model.output
            if config["train"]["library"]
            else "train.library: null (name the spectra to train on in the configuration)"
        ),
