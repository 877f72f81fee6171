rule convert_chunk:
    input:
        raw_files,
    output:
        table="<results>/runs/{chunk}.parquet",
        mzml=directory("<results>/mzml/{chunk}"),
    log:
        "<results>/logs/convert/{chunk}.log",
    benchmark:
        "<results>/benchmarks/convert/{chunk}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        rerun_if_version_changes=__version__,
        paths=runs("path"),
        names=runs("run"),
        stamps=raw_stamps,
        places=raw_places,
        on_bad_run=unrecorded("on_bad_run"),
    message:
        "convert: raw runs of chunk {wildcards.chunk} to mzML"
    shell:
        """
        python3 -m spectus convert --name {params.names:q} --out {output.mzml:q} --runs-table {output.table:q} \
            --on-bad-run {params.on_bad_run} -- {params.places:q} >{log:q} 2>&1
        """
