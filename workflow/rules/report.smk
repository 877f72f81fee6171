rule report:
    input:
        runs=rules.align.input.runs,
        mzml=rules.align.input.mzml,
        components=rules.calibrate.output.components,
        ri_standards=rules.calibrate.output.ri_standards,
        features=rules.align.output.features,
        peak_areas=rules.align.output.peak_areas,
        quantitation=rules.quantify.output,
        hits=rules.search.output,
        denovo=rules.identify.input.denovo,
        candidates=rules.identify.output,
        samples=local(config["samples"]),
        libraries=[*rules.search.input.libraries, *rules.search.input.predicted],
        ground_truth=GROUND_TRUTH,
        curation=CURATION,
    output:
        settings="<results>/settings.yaml",
        dataset=directory("<results>/report/dataset"),
        page=report("<results>/report/report.html", caption="../report/page.rst", category="Campaign"),
    log:
        "<results>/logs/report.log",
    benchmark:
        "<results>/benchmarks/report.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000, times_input=10),
        runtime=minutes(120),
    params:
        rerun_if_version_changes=__version__,
        settings=lambda wildcards: configuration.as_yaml(SETTINGS),
        folder=subpath(output.page, parent=True),
        title=lambda wildcards: config["report"]["title"],
        shipped=shipped_files(SHIPPED_PREDICTIONS),
        shipped_content=shipped_content(SHIPPED_PREDICTIONS),
        named=lambda wildcards, input: plan.options(ground_truth=input.ground_truth, curation=input.curation),
    message:
        "report: the data set and the page"
    shell:
        """
        printf %s {params.settings:q} >{output.settings:q}
        python3 -m spectus report --runs {input.runs:q} --components {input.components:q} \
            --ri-standards {input.ri_standards:q} --features {input.features:q} --peak-areas {input.peak_areas:q} \
            --quantitation {input.quantitation:q} \
            --hits {input.hits:q} --denovo {input.denovo:q} --candidates {input.candidates:q} \
            --samples {input.samples:q} --library {input.libraries:q} {params.shipped:q} \
            {params.named:q} \
            --settings {output.settings:q} --title {params.title:q} --out {params.folder:q} \
            >{log:q} 2>&1
        """
