#!/usr/bin/env bash
# Says what became of a PBS job: running, success or failed. An unanswered question means that it still runs; a job that
# PBS has forgotten counts as a success, and Snakemake then looks for its outputs.
said=$(qstat -x -f "$1" 2>&1)
code=$?
if grep -q "Unknown Job Id" <<<"$said"; then
    echo success
elif [ "$code" -ne 0 ]; then
    echo running
elif grep -Eq "job_state = (F|C)$" <<<"$said"; then
    grep -Eiq "exit_status = 0$" <<<"$said" && echo success || echo failed
else
    echo running
fi
