rule translate_part:
    input:
        features=rules.align.output.features,
        model=MODEL_FILES,
    output:
        "<results>/denovo/{part}-of-{parts}.parquet",
    log:
        "<results>/logs/translate/{part}-of-{parts}.log",
    benchmark:
        "<results>/benchmarks/translate/{part}-of-{parts}.jsonl"
    conda:
        "../../envs/gpu.yaml" if config["translate"]["device"].startswith("cuda") else "../../envs/cpu.yaml"
    threads: 8
    resources:
        # On one machine all jobs would take the same GPU: profiles/default lets one run at a time.
        local_gpu=1,
        mem_mb=memory(8000),
        runtime=minutes(240),
    params:
        version=__version__,
        model=lambda wildcards: MODEL,
        beams=lookup("translate/beams", within=config),
        precision=lookup("translate/precision", within=config),
        batch_size=unrecorded("translate", "batch_size"),
        device=unrecorded("translate", "device"),
    message:
        "translate: part {wildcards.part} of {wildcards.parts} of the features to structures"
    shell:
        """
        python3 -m spectus translate {input.features:q} --part {wildcards.part}/{wildcards.parts} \
            --model {params.model:q} --beams {params.beams} --precision {params.precision} \
            --batch-size {params.batch_size} --device {params.device} --out {output:q} \
            >{log:q} 2>&1
        """
