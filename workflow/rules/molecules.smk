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
        partial=["--partial"] if config["molecules"]["partial"] else [],
        max_mass=lookup("molecules/max_mass", within=config),
        options=lambda wildcards, input: plan.options(
            derivatives=",".join(config["molecules"]["derivatives"]),
            held_out=input.held_out,
            without=input.without,
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
