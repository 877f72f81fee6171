rule calibrate:
    input:
        components=collect("<results>/components/{chunk}.parquet", chunk=CHUNKS),
        samples=local(config["samples"]),
    output:
        components=ensure("<results>/components.parquet", non_empty=True),
        ri_standards=ensure("<results>/ri_standards.parquet", non_empty=True),
    log:
        "<results>/logs/calibrate.log",
    benchmark:
        "<results>/benchmarks/calibrate.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, times_input=6),
        runtime=minutes(60),
    params:
        rerun_if_version_changes=__version__,
        series=lookup("calibrate/series", within=config),
    message:
        "calibrate: retention indices from the ladder runs"
    shell:
        """
        python3 -m spectus calibrate {input.components:q} --samples {input.samples:q} --series {params.series} \
            --out {output.components:q} --ri-standards {output.ri_standards:q} \
            >{log:q} 2>&1
        """
