rule denovo_chunk:
    input:
        features=rules.align.output.features,
        model=own(MODEL_FILES),
        hits=rules.search.output if config["denovo"]["editing"] else [],
        predicted=predicted_libraries() if config["denovo"]["editing"] else [],
        exclude=[local(path) for path in EXCLUDED_FROM_SEARCH] if config["denovo"]["editing"] else [],
        reranker=own(RERANKER_FILES) if config["denovo"]["editing"] else [],
    output:
        ensure("<results>/denovo/{scatteritem}.parquet", non_empty=True),
    log:
        "<results>/logs/denovo/{scatteritem}.log",
    benchmark:
        "<results>/benchmarks/denovo/{scatteritem}.jsonl"
    conda:
        "../../envs/gpu.yaml" if config["denovo"]["device"].startswith("cuda") else "../../envs/cpu.yaml"
    # Decoding uses all cores, editing hardly more than one, so that on CPUs several small jobs are faster than a large one.
    threads: 2 if config["denovo"]["device"] == "cpu" else 8
    resources:
        # On one machine all jobs would take the same GPU: profiles/default lets one run at a time.
        local_gpu=0 if config["denovo"]["device"] == "cpu" else 1,
        mem_mb=memory(8000),
        runtime=minutes(480),
    params:
        rerun_if_version_changes=__version__,
        model=model_path(MODEL),
        model_content=shipped_content(MODEL_FILES),
        beams=lookup("denovo/beams", within=config),
        precision=lookup("denovo/precision", within=config),
        # Features with a good hit in a measured library are not edited.
        editing=(
            [
                "--effort",
                config["denovo"]["effort"],
                "--library-score",
                str(config["identify"]["library_score"]),
            ]
            if config["denovo"]["editing"]
            else ["--no-editing"]
        ),
        # The libraries of predicted spectra are searched for relatives of the compound.
        options=lambda wildcards, input: plan.options(
            hits=input.hits, exclude=input.exclude, library=input.predicted
        ),
        shipped_library=shipped_option("library", RELATIVES),
        shipped_content=shipped_content(RELATIVES),
        reranker=model_path(RERANKER or "none"),
        editing_content=shipped_content(
            [*EDITING_FILES, *RERANKER_FILES] if config["denovo"]["editing"] else []
        ),
        batch_size=unrecorded("denovo", "batch_size"),
        device=unrecorded("denovo", "device"),
        gpu=gpu_of,
    message:
        "denovo: structures for chunk {wildcards.scatteritem} of the features, decoded and edited"
    shell:
        """
        {params.gpu} python3 -m spectus denovo {input.features:q} --chunk {wildcards.scatteritem} \
            --model {params.model:q} --beams {params.beams} --precision {params.precision} \
            --batch-size {params.batch_size} --device {params.device} --out {output:q} \
            {params.editing:q} {params.options:q} {params.shipped_library:q} --reranker {params.reranker:q} \
            >{log:q} 2>&1
        """
