rule library_table:
    input:
        lambda wildcards: local(LIBRARIES[wildcards.library]),
    output:
        "<results>/libraries/{library}.parquet",
    log:
        "<results>/logs/library/{library}.log",
    benchmark:
        "<results>/benchmarks/library/{library}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, times_input=10),
        runtime=minutes(60),
    params:
        version=__version__,
    message:
        "library: {wildcards.library} to a table that loads at once"
    shell:
        """
        python3 -m spectus library {input:q} --out {output:q} >{log:q} 2>&1
        """


rule search:
    input:
        features=rules.align.output.features,
        libraries=library_tables(),
        predicted=collect("<results>/predicted/predicted-{part}.parquet", part=PREDICTED),
        forward=FORWARD_FILES,
        without=[local(path) for path in WITHHELD],
    output:
        "<results>/library_hits.parquet",
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
        version=__version__,
        top=lookup("search/top", within=config),
        min_score=lookup("search/min_score", within=config),
        ri_tolerance=lookup("search/ri_tolerance", within=config),
        forward=lambda wildcards: ["--forward", FORWARD] if PREDICTED else [],
        without=lambda wildcards, input: plan.options(without=input.without),
    message:
        "search: features against the libraries"
    shell:
        """
        python3 -m spectus search {input.features:q} --library {input.libraries:q} {input.predicted:q} --out {output:q} \
            --top {params.top} --min-score {params.min_score} --ri-tolerance {params.ri_tolerance} {params.forward:q} \
            {params.without:q} \
            >{log:q} 2>&1
        """
