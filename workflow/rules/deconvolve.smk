rule deconvolve_chunk:
    input:
        table=rules.convert_chunk.output.table,
        mzml=rules.convert_chunk.output.mzml,
    output:
        "<results>/components/{chunk}.parquet",
    log:
        "<results>/logs/deconvolve/{chunk}.log",
    benchmark:
        "<results>/benchmarks/deconvolve/{chunk}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
    params:
        rerun_if_version_changes=__version__,
        min_snr=lookup("deconvolve/min_snr", within=config),
        min_ions=lookup("deconvolve/min_ions", within=config),
        on_bad_run=unrecorded("on_bad_run"),
    message:
        "deconvolve: runs of chunk {wildcards.chunk} to components"
    shell:
        """
        python3 -m spectus deconvolve {input.table:q} --out {output:q} \
            --min-snr {params.min_snr} --min-ions {params.min_ions} --on-bad-run {params.on_bad_run} \
            >{log:q} 2>&1
        """
