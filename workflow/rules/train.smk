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


rule pretrain:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        molecules=TRAIN["molecules"] or rules.molecule_list.output,
        settings=TRAIN["settings"],
        neims=rules.train_neims.output if config["train"]["neims_settings"] else TRAIN["prediction_model"],
        rassp=rules.train_rassp.output if config["train"]["rassp_settings"] else [],
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
        options=lambda wildcards, input: plan.options(exclude=input.exclude, molecules=input.molecules),
        models=prediction_models(TRAIN_FILES["prediction_model"]),
        folder=subpath(output[0], parent=True),
    message:
        "train: SpecTUS on predicted spectra of the list of molecules"
    shell:
        """
        python3 -m spectus train pretrain {input.library:q} --settings {params.settings:q} {params.options:q} \
            --prediction-model {params.models:q} --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule finetune:
    input:
        library=TRAIN["library"],
        exclude=TRAIN["exclude"],
        molecules=TRAIN["molecules"] or rules.molecule_list.output,
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
        options=lambda wildcards, input: plan.options(exclude=input.exclude, molecules=input.molecules),
        models=prediction_models(TRAIN_FILES["prediction_model"]),
        start=folders_of("start"),
        folder=subpath(output[0], parent=True),
    message:
        "train: the pretrained SpecTUS on measured spectra"
    shell:
        """
        python3 -m spectus train finetune {input.library:q} --settings {params.settings:q} {params.options:q} \
            --prediction-model {params.models:q} --from {params.start:q} --threads {threads} --out {params.folder:q} \
            >{log:q} 2>&1
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
