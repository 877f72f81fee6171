rule convert_batch:
    input:
        raw_files,
    output:
        table="<results>/runs/{batch}.parquet",
        mzml=directory("<results>/mzml/{batch}"),
    log:
        "<results>/logs/convert/{batch}.log",
    benchmark:
        "<results>/benchmarks/convert/{batch}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        version=__version__,
        paths=runs("path"),
        names=runs("run"),
        on_bad_run=unrecorded("on_bad_run"),
    message:
        "convert: raw runs of batch {wildcards.batch} to mzML"
    shell:
        """
        python3 -m spectus convert {params.paths:q} --name {params.names:q} \
            --out {output.mzml:q} --runs-table {output.table:q} --on-bad-run {params.on_bad_run} \
            >{log:q} 2>&1
        """
