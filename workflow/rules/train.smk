# A de novo model of your own: prediction models, pretraining on what they predict, finetuning on measured spectra, scores.
# The Snakefile includes these rules only if `train.library` is set. Each command goes on from the checkpoint beside its
# output. Snakemake does not know of the checkpoint and leaves it alone. For the same reason the time limit does not grow
# with the attempt: a retry goes on where the last one stopped, and a longer limit could exceed that of the partition.

TRAINING = "<results>/training"

try:
    TRAIN = plan.training_files(config["train"], PREDICTION_MODEL, PACKAGE.parent)
except InputError as error:
    raise WorkflowError(str(error)) from None
# What ships is no input: its place differs between two checkouts, and nothing is trained again for that.
TRAIN_FILES = TRAIN
TRAIN = {
    name: (
        own(paths)
        if name in ("settings", "neims_settings", "rassp_settings", "prediction_model")
        else [*map(local, paths)]
    )
    for name, paths in TRAIN_FILES.items()
}

# The models that predict the spectra of the molecules: the one of the section `predict`, or those that are trained here.
PREDICTORS = (["neims"] if TRAIN["neims_settings"] else ["given"]) + (
    ["rassp"] if TRAIN["rassp_settings"] else []
)
STORED = [
    f"{TRAINING}/predicted/{predictor}-{index}-of-{config['train']['stored_chunks']}.parquet"
    for predictor in PREDICTORS
    for index in range(1, config["train"]["stored_chunks"] + 1)
]


def predictor_files(wildcards):
    """The files of a model that predicts the spectra of the molecules."""
    if wildcards.predictor == "given":
        return TRAIN["prediction_model"]
    return rules.train_neims.output if wildcards.predictor == "neims" else rules.train_rassp.output


def predictor_model(wildcards, input):
    """That model for the command line; the place of a model that ships is no setting."""
    return PREDICTION_MODEL if wildcards.predictor == "given" else str(Path(input.model[0]).parent)


def origin_of_spectra(wildcards, input):
    """The options that say where predicted spectra come from: stored libraries, or models that predict while training."""
    if STORED:
        return plan.options(predicted=input.predicted)
    models = prediction_models(TRAIN_FILES["prediction_model"])(wildcards, input)
    return plan.options(molecules=input.molecules, prediction_model=models)


rule train_neims:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        settings=TRAIN["neims_settings"],
    output:
        multiext(f"{TRAINING}/neims/", "config.json", "model.safetensors", "log.parquet", "loss.svg"),
    log:
        "<results>/logs/train/neims.log",
    benchmark:
        "<results>/benchmarks/train/neims.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=720,
    params:
        settings=lambda wildcards, output: TRAIN_FILES["neims_settings"],
        shipped_content=shipped_content(TRAIN_FILES["neims_settings"]),
        options=lambda wildcards, input: plan.options(exclude=input.exclude),
        folder=subpath(output[0], parent=True),
    message:
        "train: NEIMS"
    shell:
        """
        python3 -m spectus train prediction {input.library:q} --settings {params.settings:q} {params.options:q} \
            --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule train_rassp:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        settings=TRAIN["rassp_settings"],
    output:
        multiext(f"{TRAINING}/rassp/", "config.json", "model.safetensors", "log.parquet", "loss.svg"),
    log:
        "<results>/logs/train/rassp.log",
    benchmark:
        "<results>/benchmarks/train/rassp.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=720,
    params:
        settings=lambda wildcards, output: TRAIN_FILES["rassp_settings"],
        shipped_content=shipped_content(TRAIN_FILES["rassp_settings"]),
        options=lambda wildcards, input: plan.options(exclude=input.exclude),
        folder=subpath(output[0], parent=True),
    message:
        "train: RASSP"
    shell:
        """
        python3 -m spectus train prediction {input.library:q} --settings {params.settings:q} {params.options:q} \
            --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule predict_for_training:
    input:
        molecules=TRAIN["molecules"] or rules.molecule_list.output,
        model=predictor_files,
    output:
        f"{TRAINING}/predicted/{{predictor}}-{{index}}-of-{{number}}.parquet",
    log:
        "<results>/logs/train/predict_{predictor}_{index}-of-{number}.log",
    wildcard_constraints:
        predictor="given|neims|rassp",
        index=r"\d+",
        number=r"\d+",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        model=predictor_model,
        shipped_content=shipped_content(TRAIN_FILES["prediction_model"]),
    message:
        "train: spectra of chunk {wildcards.index} of the molecules, by {wildcards.predictor}"
    shell:
        """
        python3 -m spectus predict {input.molecules:q} --model {params.model:q} \
            --chunk {wildcards.index}-of-{wildcards.number} --threads {threads} --out {output:q} >{log:q} 2>&1
        """


rule pretrain:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        molecules=[] if STORED else TRAIN["molecules"] or rules.molecule_list.output,
        predicted=STORED,
        settings=TRAIN["settings"],
        neims=(
            []
            if STORED
            else rules.train_neims.output if TRAIN["neims_settings"] else TRAIN["prediction_model"]
        ),
        rassp=[] if STORED or not TRAIN["rassp_settings"] else rules.train_rassp.output,
    output:
        multiext(
            f"{TRAINING}/pretrained/",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "log.parquet",
            "loss.svg",
        ),
    log:
        "<results>/logs/train/pretrain.log",
    benchmark:
        "<results>/benchmarks/train/pretrain.jsonl"
    conda:
        "../../envs/gpu.yaml" if config["train"]["gpu"] else "../../envs/cpu.yaml"
    threads: 8
    resources:
        local_gpu=1,
        mem_mb=memory(32000),
        runtime=2880,
    params:
        settings=lambda wildcards, output: TRAIN_FILES["settings"],
        shipped_content=shipped_content([*TRAIN_FILES["settings"], *TRAIN_FILES["prediction_model"]]),
        options=lambda wildcards, input: plan.options(exclude=input.exclude),
        spectra=origin_of_spectra,
        folder=subpath(output[0], parent=True),
    message:
        "train: SpecTUS on predicted spectra of the list of molecules"
    shell:
        """
        python3 -m spectus train pretrain {input.library:q} --settings {params.settings:q} {params.options:q} \
            {params.spectra:q} --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule finetune:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        molecules=rules.pretrain.input.molecules,
        predicted=STORED,
        settings=TRAIN["settings"],
        neims=rules.pretrain.input.neims,
        rassp=rules.pretrain.input.rassp,
        start=rules.pretrain.output,
    output:
        multiext(
            f"{TRAINING}/model/",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "log.parquet",
            "loss.svg",
        ),
    log:
        "<results>/logs/train/finetune.log",
    benchmark:
        "<results>/benchmarks/train/finetune.jsonl"
    conda:
        "../../envs/gpu.yaml" if config["train"]["gpu"] else "../../envs/cpu.yaml"
    threads: 8
    resources:
        local_gpu=1,
        mem_mb=memory(32000),
        runtime=2880,
    params:
        settings=lambda wildcards, output: TRAIN_FILES["settings"],
        shipped_content=shipped_content([*TRAIN_FILES["settings"], *TRAIN_FILES["prediction_model"]]),
        options=lambda wildcards, input: plan.options(exclude=input.exclude),
        spectra=origin_of_spectra,
        start=folders_of("start"),
        folder=subpath(output[0], parent=True),
    message:
        "train: the pretrained SpecTUS on measured spectra"
    shell:
        """
        python3 -m spectus train finetune {input.library:q} --settings {params.settings:q} {params.options:q} \
            {params.spectra:q} --from {params.start:q} --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule score_model:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        model=rules.finetune.output,
    output:
        f"{TRAINING}/valid_scores.json",
    log:
        "<results>/logs/train/score.log",
    benchmark:
        "<results>/benchmarks/train/score.jsonl"
    conda:
        "../../envs/gpu.yaml" if config["train"]["gpu"] else "../../envs/cpu.yaml"
    threads: 8
    resources:
        local_gpu=1,
        mem_mb=memory(16000),
        runtime=720,
    params:
        options=lambda wildcards, input: plan.options(exclude=input.exclude),
        model=folders_of("model"),
    message:
        "train: scores of the model on the split valid"
    shell:
        """
        python3 -m spectus evaluate denovo {params.model:q} {input.library:q} --split valid {params.options:q} \
            --reference {input.library:q} --reference-split train --out {output:q} >{log:q} 2>&1
        """
