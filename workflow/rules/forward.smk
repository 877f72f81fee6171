rule predict_part:
    input:
        molecules=[local(path) for path in MOLECULES] or rules.molecule_list.output,
        model=FORWARD_FILES,
    output:
        "<results>/predicted/predicted-{part}-of-{parts}.parquet",
    log:
        "<results>/logs/predict/{part}-of-{parts}.log",
    benchmark:
        "<results>/benchmarks/predict/{part}-of-{parts}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        version=__version__,
        model=lambda wildcards: FORWARD,
    message:
        "predict: part {wildcards.part} of {wildcards.parts} of the molecules to a library of predicted spectra"
    shell:
        """
        python3 -m spectus forward {input.molecules:q} --model {params.model:q} \
            --part {wildcards.part}/{wildcards.parts} --threads {threads} --out {output:q} >{log:q} 2>&1
        """
