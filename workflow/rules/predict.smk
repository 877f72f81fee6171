rule predict_chunk:
    input:
        molecules=own(MOLECULES) if MOLECULES else rules.molecule_list.output,
        model=own(PREDICTION_FILES),
    output:
        ensure("<results>/predicted/predicted-{scatteritem}.parquet", non_empty=True),
    log:
        "<results>/logs/predict/{scatteritem}.log",
    cache: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        rerun_if_version_changes=__version__,
        model=model_path(PREDICTION_MODEL),
        shipped=shipped_files(MOLECULES),
        shipped_content=shipped_content([*MOLECULES, *PREDICTION_FILES]),
    message:
        "predict: chunk {wildcards.scatteritem} of the molecules to a library of predicted spectra"
    shell:
        """
        python3 -m spectus predict {input.molecules:q} {params.shipped:q} --model {params.model:q} \
            --chunk {wildcards.scatteritem} --threads {threads} --out {output:q} >{log:q} 2>&1
        """
