rule report:
    input:
        runs=rules.align.input.runs,
        mzml=rules.align.input.mzml,
        components=rules.calibrate.output.components,
        rungs=rules.calibrate.output.rungs,
        features=rules.align.output.features,
        abundances=rules.align.output.abundances,
        hits=rules.search.output,
        translations=rules.rank.input.translations,
        candidates=rules.rank.output,
        samples=local(config["samples"]),
        libraries=[*rules.search.input.libraries, *rules.search.input.predicted],
        truth=TRUTH,
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
        version=__version__,
        settings=configuration.as_yaml(SETTINGS),
        folder=subpath(output.page, parent=True),
        title=lookup("report/title", within=config),
        truth=lambda wildcards, input: plan.options(truth=input.truth),
    message:
        "report: the data set and the page"
    shell:
        """
        printf %s {params.settings:q} >{output.settings:q}
        python3 -m spectus report --runs {input.runs:q} --components {input.components:q} \
            --rungs {input.rungs:q} --features {input.features:q} --abundances {input.abundances:q} \
            --hits {input.hits:q} --translations {input.translations:q} --candidates {input.candidates:q} \
            --samples {input.samples:q} --library {input.libraries:q} {params.truth:q} \
            --settings {output.settings:q} --title {params.title:q} --out {params.folder:q} \
            >{log:q} 2>&1
        """
