# A translator of one's own: a forward model, pretraining on what it predicts, finetuning on measured spectra, scores.
# Each command goes on from the checkpoint beside its output, which Snakemake does not know of and so leaves alone.

TRAINING = "<results>/training"


rule train_forward:
    input:
        library=TRAIN["library"],
        held_out=TRAIN["held_out"],
        molecules=TRAIN["molecules"] or rules.molecule_list.output,
        settings=TRAIN["forward_settings"],
    output:
        multiext(
            f"{TRAINING}/forward/",
            "config.json",
            "neims.safetensors",
            "recogniser.safetensors",
            "log.parquet",
            "loss.svg",
        ),
    log:
        "<results>/logs/train/forward.log",
    benchmark:
        "<results>/benchmarks/train/forward.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=minutes(720),
    params:
        options=lambda wildcards, input: plan.options(held_out=input.held_out, molecules=input.molecules),
        folder=subpath(output[0], parent=True),
    message:
        "train: a forward model"
    shell:
        """
        python3 -m spectus train forward {input.library:q} --settings {input.settings:q} {params.options:q} \
            --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule train_rassp:
    input:
        library=TRAIN["library"],
        held_out=TRAIN["held_out"],
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
        runtime=minutes(720),
    params:
        options=lambda wildcards, input: plan.options(held_out=input.held_out),
        folder=subpath(output[0], parent=True),
    message:
        "train: a forward model of the other kind"
    shell:
        """
        python3 -m spectus train forward {input.library:q} --settings {input.settings:q} {params.options:q} \
            --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule pretrain:
    input:
        library=TRAIN["library"],
        held_out=TRAIN["held_out"],
        molecules=TRAIN["molecules"] or rules.molecule_list.output,
        settings=TRAIN["settings"],
        forward=rules.train_forward.output if config["train"]["forward_settings"] else TRAIN["forward"],
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
        runtime=minutes(2880),
    params:
        options=lambda wildcards, input: plan.options(held_out=input.held_out, molecules=input.molecules),
        forward=folders_of("forward", "rassp"),
        folder=subpath(output[0], parent=True),
    message:
        "train: a translator on spectra predicted for the list of molecules"
    shell:
        """
        python3 -m spectus train pretrain {input.library:q} --settings {input.settings:q} {params.options:q} \
            --forward {params.forward:q} --threads {threads} --out {params.folder:q} >{log:q} 2>&1
        """


rule finetune:
    input:
        library=TRAIN["library"],
        held_out=TRAIN["held_out"],
        molecules=TRAIN["molecules"] or rules.molecule_list.output,
        settings=TRAIN["settings"],
        forward=rules.pretrain.input.forward,
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
        runtime=minutes(2880),
    params:
        options=lambda wildcards, input: plan.options(held_out=input.held_out, molecules=input.molecules),
        forward=folders_of("forward", "rassp"),
        start=folders_of("start"),
        folder=subpath(output[0], parent=True),
    message:
        "train: the pretrained translator on measured spectra"
    shell:
        """
        python3 -m spectus train finetune {input.library:q} --settings {input.settings:q} {params.options:q} \
            --forward {params.forward:q} --from {params.start:q} --threads {threads} --out {params.folder:q} \
            >{log:q} 2>&1
        """


rule score_model:
    input:
        library=TRAIN["library"],
        held_out=TRAIN["held_out"],
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
        runtime=minutes(720),
    params:
        options=lambda wildcards, input: plan.options(held_out=input.held_out),
        model=folders_of("model"),
    message:
        "train: scores of the model on the split valid"
    shell:
        """
        python3 -m spectus evaluate {params.model:q} {input.library:q} --split valid {params.options:q} \
            --reference {input.library:q} --reference-split train --out {output:q} >{log:q} 2>&1
        """
