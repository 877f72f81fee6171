import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.persistence.file import FilePersistence

# The package is found by path, in every job and on every node; the jobs' python3 is the one that runs this.
PACKAGE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
if not (
    PACKAGE / "spectus"
).is_dir():  # Snakemake sent only the rules into a container, which has the package
    PACKAGE = Path(os.getenv("SPECTUS_WORKFLOW", PACKAGE.parent)) / "workflow"
sys.path.insert(0, str(PACKAGE))
os.environ.update(
    PYTHONPATH=os.pathsep.join([str(PACKAGE), os.getenv("PYTHONPATH", "")]).rstrip(os.pathsep),
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
    SPECTUS_WORKFLOW=str(PACKAGE.parent),
)

from spectus import __version__, configuration, plan, slurm
from spectus.errors import InputError
from spectus.samples import read_samples, sheet_notes

RESULTS = Path(workflow.pathvars.apply(workflow.modifier.path_modifier.modify("<results>")))
REPORT_LOG = RESULTS / "logs" / "report.log"

try:
    NOTES, CURRENT = configuration.current_names(config)
    SETTINGS = configuration.checked_config(CURRENT, workflow.configfiles)
    config.clear()
    config.update(SETTINGS)
    plan.check_paths(config)
    SAMPLES = read_samples(Path(config["samples"]))
    CHUNKS = plan.chunks(SAMPLES, config["chunks"]["runs"])
    LIBRARIES = plan.libraries([plan.shipped(path, PACKAGE.parent) for path in config["libraries"]])
    MODEL = plan.shipped(config["model"], PACKAGE.parent)
    MODEL_FILES = plan.model_files(MODEL)
    MOLECULES = plan.molecule_files(config["predict"]["molecules"], PACKAGE.parent)
    PREDICTION_MODEL = plan.shipped(config["predict"]["model"], PACKAGE.parent)
    PREDICTION_FILES = plan.prediction_model_files(PREDICTION_MODEL)
    SHIPPED_PREDICTIONS = plan.shipped_predictions(config, PACKAGE.parent)
    RELATIVES = SHIPPED_PREDICTIONS if config["denovo"]["editing"] else []
    RERANKER = plan.shipped(config["identify"]["reranker"], PACKAGE.parent)
    RERANKER_FILES = plan.reranker_files(RERANKER)
    EDITING_FILES = plan.editing_files(config["denovo"]["editing"])
    CURATION = [local(path) for path in plan.named_file("report.curation", config["report"]["curation"])]
    GROUND_TRUTH = [local(path) for path in plan.ground_truth_files(config["report"]["ground_truth"])]
    EXCLUDED_FROM_LIST = [
        plan.named_file("molecules.exclude", path) for path in config["molecules"]["exclude"]
    ]
    EXCLUDED_FROM_SEARCH = plan.named_file("search.exclude", config["search"]["exclude"])
    if workflow.is_main_process:
        slurm.install()
        plan.check_runs(CHUNKS, RESULTS, config["samples"], config["on_bad_run"])
        # As Snakemake notes it when a job is killed: with `rerun-incomplete` the job of this output runs again.
        for damaged in plan.damaged_chunks(CHUNKS, RESULTS):
            FilePersistence(nolock=True)._mark_incomplete(damaged, None)
        for note in (*NOTES, *sheet_notes(Path(config["samples"])), *plan.model_notes(MODEL)):
            print(note, file=sys.stderr)
except InputError as error:
    raise WorkflowError(str(error)) from None


# One switch: on the CPU, denovo takes none of the resources that the profile of a cluster gives it for a GPU.
if config["denovo"]["device"] == "cpu":
    workflow.resource_settings._parsed_overwrite_resources.pop("denovo_chunk", None)


scattergather:
    predict=config["predict"]["chunks"],
    denovo=plan.denovo_chunks(len(SAMPLES), config["chunks"]),


# Every table names the configuration it was made with.
os.environ.update(SPECTUS_CONFIG_HASH=configuration.config_hash(SETTINGS))


wildcard_constraints:
    chunk=r"\d{4}",
    library="|".join(map(re.escape, LIBRARIES)),


def raw_files(wildcards):
    """The raw runs of a chunk that exist; `local` keeps an importing workflow from prefixing them."""
    chunk = CHUNKS[wildcards.chunk]
    near = [local(path) for path in plan.raw_files(chunk, RESULTS / "mzml" / wildcards.chunk)]
    return near + [storage(address) for address in plan.remote_files(chunk)]


def raw_places(wildcards, input):
    """Where the command finds each raw run of a chunk."""
    return plan.raw_places(CHUNKS[wildcards.chunk], list(input))


def own(paths):
    """The files among `paths` that belong to the campaign, as inputs."""
    return [local(path) for path in plan.own_files(paths, PACKAGE.parent)]


def shipped_files(paths):
    """The files that ship with the workflow, as a param that reruns nothing: their place is no setting."""
    return lambda wildcards, output: plan.shipped_files(paths, PACKAGE.parent)


def shipped_option(name, paths):
    """The option of the files that ship with the workflow, as a param that reruns nothing."""
    return lambda wildcards, output: plan.options(**{name: plan.shipped_files(paths, PACKAGE.parent)})


def shipped_content(paths):
    """The content of the files that ship with the workflow, as a param."""
    return lambda wildcards: plan.shipped_hashes(paths, PACKAGE.parent)


def model_path(path):
    """A model for the command line, as a param. The place of a model that ships is no setting."""
    if plan.shipped_files([path], PACKAGE.parent):
        return lambda wildcards, output: path
    return lambda wildcards: path


def own_library(wildcards):
    return own([LIBRARIES[wildcards.library]])


def shipped_library(wildcards, output):
    return plan.shipped_files([LIBRARIES[wildcards.library]], PACKAGE.parent)


def library_content(wildcards):
    return plan.shipped_hashes([LIBRARIES[wildcards.library]], PACKAGE.parent)


def runs(attribute):
    """One attribute of each run of a chunk, as a param."""
    return lambda wildcards: [str(getattr(sample, attribute)) for sample in CHUNKS[wildcards.chunk]]


def raw_stamps(wildcards):
    """Size and time of the raw runs of a chunk that cannot be inputs."""
    return plan.raw_stamps(CHUNKS[wildcards.chunk])


def unrecorded(section, key=None):
    """A setting for how a job runs, not for what it makes: a param that takes `output` does not rerun the job."""
    return lambda wildcards, output: config[section][key] if key else config[section]


def memory(least_mb, times_input=0):
    """Memory in MB: so many times the input but not less than `least_mb`; more after an attempt that had too little."""

    def needed(wildcards, input, attempt, rulename):
        grown, _ = slurm.growth(rulename, dict(wildcards.items()), attempt)
        return grown * max(least_mb, int(times_input * input.size_mb))

    return needed


def minutes(first):
    """Longest run time in minutes; more after an attempt that had too little."""

    def needed(wildcards, attempt, rulename):
        _, grown = slurm.growth(rulename, dict(wildcards.items()), attempt)
        return grown * first

    return needed


def gpu_of(wildcards, output):
    """The GPU of a denovo job, where `--resources local_gpu=N` lets several jobs of one machine run at a time."""
    gpus = workflow.global_resources["local_gpu"].value if "local_gpu" in workflow.global_resources else 1
    # The user has chosen some, or a cluster has chosen one.
    visible = [name for name in os.getenv("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    devices = (visible or [str(number) for number in range(gpus)])[:gpus]
    return (
        plan.gpu_choice(int(wildcards.scatteritem.partition("-of-")[0]), devices) if len(devices) > 1 else ""
    )


def folders_of(*names):
    """The folders of inputs of several files each, as a param; an input without files has none."""
    return lambda wildcards, input: [str(Path(input[name][0]).parent) for name in names if input.get(name)]


def prediction_models(files):
    """The folders of the prediction models of a training, as a param: a model that ships is no input."""
    shipped = [str(Path(path).parent) for path in plan.shipped_files(files, PACKAGE.parent)[:1]]
    return lambda wildcards, input: ([] if input.get("neims") else shipped) + folders_of("neims", "rassp")(
        wildcards, input
    )


def library_tables():
    """The libraries as Parquet tables; one that is Parquet already is used as it is."""
    return [
        local(path) if path.endswith(".parquet") else f"<results>/libraries/{name}.parquet"
        for name, path in LIBRARIES.items()
    ]


def predicted_libraries():
    """The libraries of predicted spectra, without those that ship if they are not in the working directory."""
    if SHIPPED_PREDICTIONS:
        return own(SHIPPED_PREDICTIONS)
    predicted = "<results>/predicted/predicted-{scatteritem}.parquet"
    return gather.predict(predicted) if config["predict"]["molecules"] else []
