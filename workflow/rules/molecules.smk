rule molecule_list:
    input:
        exclude=[local(path) for paths in EXCLUDED_FROM_LIST for path in paths],
    output:
        ensure("<results>/molecules.csv", non_empty=True),
    log:
        "<results>/logs/molecules.log",
    cache: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        rerun_if_version_changes=__version__,
        sources=",".join(config["molecules"]["sources"]),
        partial=["--partial"] if config["molecules"]["partial"] else [],
        max_mass=lookup("molecules/max_mass", within=config),
        options=lambda wildcards, input: plan.options(
            derivatives=",".join(config["molecules"]["derivatives"]),
            exclude=input.exclude,
            split=config["molecules"]["split"],
        ),
        sample=lookup("molecules/sample", within=config),
        seed=lookup("molecules/seed", within=config),
    message:
        "molecules: a list of molecules from PyPI packages"
    shell:
        """
        python3 -m spectus molecules --sources {params.sources:q} {params.partial:q} {params.options:q} \
            --max-mass {params.max_mass} --sample {params.sample} --seed {params.seed} --out {output:q} >{log:q} 2>&1
        """
