rule rank:
    input:
        features=rules.align.output.features,
        hits=rules.search.output,
        denovo=collect("<results>/denovo/{part}.parquet", part=PARTS),
        forward=JUDGE_FILES,
    output:
        "<results>/candidates.parquet",
    log:
        "<results>/logs/rank.log",
    benchmark:
        "<results>/benchmarks/rank.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000, times_input=10),
        runtime=minutes(120),
    params:
        version=__version__,
        top=lookup("rank/top", within=config),
        library_score=lookup("rank/library_score", within=config),
        ri_window=lookup("rank/ri_window", within=config),
        forward=lambda wildcards: ["--forward", FORWARD] if JUDGE_FILES else [],
    message:
        "rank: library hits and denovo to one list of candidates"
    shell:
        """
        python3 -m spectus rank --features {input.features:q} --hits {input.hits:q} \
            --denovo {input.denovo:q} --out {output:q} \
            --top {params.top} --library-score {params.library_score} --ri-window {params.ri_window} {params.forward:q} \
            >{log:q} 2>&1
        """
