rule molecule_list:
    input:
        held_out=[local(path) for path in HELD_OUT],
        without=[local(path) for path in WITHOUT],
    output:
        "<results>/molecules.csv",
    log:
        "<results>/logs/molecules.log",
    benchmark:
        "<results>/benchmarks/molecules.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        version=__version__,
        sources=",".join(config["molecules"]["sources"]),
        derivatives=[
            f"--derivatives={kinds}" for kinds in [",".join(config["molecules"]["derivatives"])] if kinds
        ],
        partial=["--partial"] if config["molecules"]["partial"] else [],
        max_mass=lookup("molecules/max_mass", within=config),
        held_out=lambda wildcards, input: ["--held-out", *input.held_out] if input.held_out else [],
        without=lambda wildcards, input: ["--without", *input.without] if input.without else [],
        split=["--split", config["molecules"]["split"]] if config["molecules"]["split"] else [],
        sample=lookup("molecules/sample", within=config),
        seed=lookup("molecules/seed", within=config),
    message:
        "molecules: a list of molecules from PyPI packages"
    shell:
        """
        python3 -m spectus molecules --sources {params.sources:q} {params.derivatives:q} {params.partial:q} \
            --max-mass {params.max_mass} {params.held_out:q} {params.without:q} {params.split:q} \
            --sample {params.sample} --seed {params.seed} --out {output:q} >{log:q} 2>&1
        """
