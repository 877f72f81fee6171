rule align:
    input:
        components=rules.calibrate.output.components,
        runs=collect("<results>/runs/{chunk}.parquet", chunk=CHUNKS),
        mzml=collect("<results>/mzml/{chunk}", chunk=CHUNKS),
        samples=local(config["samples"]),
    output:
        features=ensure("<results>/features.parquet", non_empty=True),
        peak_areas=ensure("<results>/peak_areas.parquet", non_empty=True),
    log:
        "<results>/logs/align.log",
    benchmark:
        "<results>/benchmarks/align.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000, times_input=10),
        runtime=minutes(240),
    params:
        rerun_if_version_changes=__version__,
        max_ri_shift=lookup("align/max_ri_shift", within=config),
        max_rt_shift=lookup("align/max_rt_shift", within=config),
        min_similarity=lookup("align/min_similarity", within=config),
    message:
        "align: components of all runs to the features of the campaign"
    shell:
        """
        python3 -m spectus align {input.components:q} --samples {input.samples:q} --runs-table {input.runs:q} \
            --max-ri-shift {params.max_ri_shift} --max-rt-shift {params.max_rt_shift} \
            --min-similarity {params.min_similarity} \
            --out {output.features:q} --peak-areas {output.peak_areas:q} \
            >{log:q} 2>&1
        """
