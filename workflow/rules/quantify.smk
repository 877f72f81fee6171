QUANTIFY = config["quantify"]

try:
    COMPOUNDS = plan.named_file("quantify.compounds", QUANTIFY["compounds"])
except InputError as error:
    raise WorkflowError(str(error)) from None


rule quantify:
    input:
        features=rules.align.output.features,
        peak_areas=rules.align.output.peak_areas,
        runs=rules.align.input.runs,
        mzml=rules.align.input.mzml,
        samples=local(config["samples"]),
        compounds=[local(path) for path in COMPOUNDS],
        hits=rules.search.output if plan.named_compounds(QUANTIFY, SAMPLES) else [],
    output:
        amounts=ensure("<results>/quantitation/amounts.parquet", non_empty=True),
        curves=ensure("<results>/quantitation/calibration_curves.parquet", non_empty=True),
        points=ensure("<results>/quantitation/calibration_points.parquet", non_empty=True),
        blanks=ensure("<results>/quantitation/blank_verdicts.parquet", non_empty=True),
        corrected=ensure("<results>/quantitation/corrected_areas.parquet", non_empty=True),
        qc_runs=ensure("<results>/quantitation/qc_runs.parquet", non_empty=True),
        qc_features=ensure("<results>/quantitation/qc_features.parquet", non_empty=True),
    log:
        "<results>/logs/quantify.log",
    benchmark:
        "<results>/benchmarks/quantify.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000, times_input=10),
        runtime=minutes(120),
    params:
        rerun_if_version_changes=__version__,
        options=lambda wildcards, input: plan.options(
            compounds=input.compounds,
            hits=input.hits,
            **plan.quantify_values(QUANTIFY),
        ),
    message:
        "quantify: amounts, blanks and quality control"
    shell:
        """
        python3 -m spectus quantify {input.features:q} {input.peak_areas:q} --samples {input.samples:q} \
            --runs-table {input.runs:q} {params.options:q} --out {output.amounts:q} \
            >{log:q} 2>&1
        """
