rule library_table:
    input:
        own_library,
    output:
        ensure("<results>/libraries/{library}.parquet", non_empty=True),
    log:
        "<results>/logs/library/{library}.log",
    cache: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, times_input=10),
        runtime=minutes(60),
    params:
        rerun_if_version_changes=__version__,
        shipped=shipped_library,
        shipped_content=library_content,
    message:
        "library: {wildcards.library} to a table that loads at once"
    shell:
        """
        python3 -m spectus library {input:q} {params.shipped:q} --out {output:q} >{log:q} 2>&1
        """


rule search:
    input:
        features=rules.align.output.features,
        libraries=library_tables(),
        predicted=predicted_libraries(),
        exclude=[local(path) for path in EXCLUDED_FROM_SEARCH],
    output:
        ensure("<results>/library_hits.parquet", non_empty=True),
    log:
        "<results>/logs/search.log",
    benchmark:
        "<results>/benchmarks/search.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000, times_input=10),
        runtime=minutes(120),
    params:
        rerun_if_version_changes=__version__,
        top=lookup("search/top", within=config),
        top_predicted=lookup("search/top_predicted", within=config),
        min_score=lookup("search/min_score", within=config),
        ri_tolerance=lookup("search/ri_tolerance", within=config),
        shipped=shipped_files(SHIPPED_PREDICTIONS),
        shipped_content=shipped_content(SHIPPED_PREDICTIONS),
        options=lambda wildcards, input: plan.options(exclude=input.exclude),
    message:
        "search: features against the libraries"
    shell:
        """
        python3 -m spectus search {input.features:q} --library {input.libraries:q} {input.predicted:q} \
            {params.shipped:q} --out {output:q} --top {params.top} --top-predicted {params.top_predicted} \
            --min-score {params.min_score} --ri-tolerance {params.ri_tolerance} {params.options:q} >{log:q} 2>&1
        """
