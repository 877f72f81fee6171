import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The package is found by path, in every job and on every node; the jobs' python3 is the one that runs this.
PACKAGE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
sys.path.insert(0, str(PACKAGE))
os.environ.update(
    PYTHONPATH=os.pathsep.join([str(PACKAGE), os.getenv("PYTHONPATH", "")]).rstrip(os.pathsep),
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
)

from spectus import __version__, configuration, plan
from spectus.errors import InputError
from spectus.samples import read_samples

RESULTS = Path(workflow.pathvars.apply(workflow.modifier.path_modifier.modify("<results>")))
REPORT_LOG = RESULTS / "logs" / "report.log"

try:
    SETTINGS = configuration.checked_config(config, workflow.configfiles)
    config.update(SETTINGS)
    SAMPLES = read_samples(Path(config["samples"]))
    BATCHES = plan.batches(SAMPLES, config["batch"]["runs"])
    PARTS = plan.parts(len(SAMPLES), config["batch"]["features_per_run"], config["batch"]["spectra"])
    LIBRARIES = plan.libraries([plan.shipped(path, PACKAGE.parent) for path in config["libraries"]])
    MODEL = plan.shipped(config["model"], PACKAGE.parent)
    MODEL_FILES = [local(path) for path in plan.model_files(MODEL)]
    FORWARD = plan.shipped(config["forward"]["model"], PACKAGE.parent)
    MOLECULES = plan.molecule_files(config["forward"]["molecules"], PACKAGE.parent)
    FORWARD_MODEL = [local(path) for path in plan.model_files(FORWARD)]
    JUDGE_FILES = FORWARD_MODEL if config["forward"]["judge"] else []
    FORWARD_FILES = FORWARD_MODEL if config["forward"]["molecules"] else []
    PREDICTED = plan.numbered(config["forward"]["parts"]) if config["forward"]["molecules"] else []
    HELD_OUT = plan.named_file("molecules.held_out", config["molecules"]["held_out"])
    WITHOUT = plan.named_file("molecules.without", config["molecules"]["without"])
    TRAIN = plan.training_files(config["train"], FORWARD, PACKAGE.parent)
    TRAIN = {name: [local(path) for path in paths] for name, paths in TRAIN.items()}
    GROUND_TRUTH = [local(path) for path in plan.ground_truth_files(config["report"]["ground_truth"])]
    WITHHELD = plan.named_file("search.without", config["search"]["without"])
    if workflow.is_main_process:
        plan.check_runs(BATCHES, RESULTS, config["samples"], config["on_bad_run"])
except InputError as error:
    raise WorkflowError(str(error)) from None

# Every table names the configuration it was made with.
os.environ.update(SPECTUS_CONFIG_HASH=configuration.config_hash(SETTINGS))


wildcard_constraints:
    batch=r"\d{4}",
    library="|".join(map(re.escape, LIBRARIES)),
    part=r"\d+",
    parts=r"\d+",


def raw_files(wildcards):
    """The raw runs of a batch that exist; `local` keeps an importing workflow from prefixing them."""
    return [
        local(path) for path in plan.raw_files(BATCHES[wildcards.batch], RESULTS / "mzml" / wildcards.batch)
    ]


def runs(attribute):
    """One attribute of each run of a batch, as a param."""
    return lambda wildcards: [str(getattr(sample, attribute)) for sample in BATCHES[wildcards.batch]]


def unrecorded(section, key=None):
    """A setting for how a job runs, not for what it makes: a param that takes `output` does not rerun the job."""
    return lambda wildcards, output: config[section][key] if key else config[section]


def memory(least_mb, times_input=0):
    """Memory in MB: so many times the input but not less than `least_mb`, and more with every attempt."""
    return lambda wildcards, input, attempt: attempt * max(least_mb, int(times_input * input.size_mb))


def minutes(first):
    """Longest run time in minutes, more with every attempt."""
    return lambda wildcards, attempt: attempt * first


def folders_of(*names):
    """The folders of inputs of several files each, as a param; an input without files has none."""
    return lambda wildcards, input: [str(Path(input[name][0]).parent) for name in names if input.get(name)]


def library_tables():
    """The libraries as Parquet tables; one that is Parquet already is used as it is."""
    return [
        local(path) if path.endswith(".parquet") else f"<results>/libraries/{name}.parquet"
        for name, path in LIBRARIES.items()
    ]
