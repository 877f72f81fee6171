rule identify:
    input:
        features=rules.align.output.features,
        hits=rules.search.output,
        denovo=gather.denovo("<results>/denovo/{scatteritem}.parquet"),
        reranker=own(RERANKER_FILES),
        suspects=[local(path) for path in plan.suspect_files(config["identify"]["suspects"])],
    output:
        ensure("<results>/candidates.parquet", non_empty=True),
    log:
        "<results>/logs/identify.log",
    benchmark:
        "<results>/benchmarks/identify.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000, times_input=10),
        runtime=minutes(120),
    params:
        rerun_if_version_changes=__version__,
        top=lookup("identify/top", within=config),
        library_score=lookup("identify/library_score", within=config),
        ri_window=lookup("identify/ri_window", within=config),
        cas_weight=lookup("identify/cas_weight", within=config),
        free_form_weight=lookup("identify/free_form_weight", within=config),
        listed_share=lookup("identify/listed_share", within=config),
        fixed_share=[] if config["identify"]["adapt_share"] else ["--fixed-share"],
        reranker=model_path(RERANKER or "none"),
        suspects=lambda wildcards, input: plan.suspect_options(config["identify"]["suspects"], input.suspects),
        reranker_content=shipped_content(RERANKER_FILES),
    message:
        "identify: library hits and de novo candidates to one ranked list"
    shell:
        """
        python3 -m spectus identify {input.features:q} --hits {input.hits:q} --denovo {input.denovo:q} \
            --top {params.top} --library-score {params.library_score} --ri-window {params.ri_window} \
            --cas-weight={params.cas_weight} --free-form-weight={params.free_form_weight} \
            --listed-share {params.listed_share} {params.fixed_share} --reranker {params.reranker:q} {params.suspects:q} \
            --out {output:q} >{log:q} 2>&1
        """
