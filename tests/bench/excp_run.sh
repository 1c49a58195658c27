#!/bin/sh
# A training run whose checkpoints are kept by ExCP and that is resumed from restored ones: sizes, loss, recovery.
#
#   tests/bench/excp_run.sh BUILDDIR OUT
#
# The run (share/recipes/checkpoints.ini) is trained once as it is, then once a way of compressing: every 100 steps
# a checkpoint, every 400 steps the process ends, the newest checkpoint is restored from the store and training goes
# on from that.  All runs see the same examples, so that losses at the same step can be subtracted.  What is there
# already is not made again: a run that was stopped goes on.  OUT needs 12 GB.  Losses around
# each resume: OUT/WAY/resume.tsv.
set -eu
build=$(cd "${1:?usage: excp_run.sh BUILDDIR OUT}" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "${2:?usage: excp_run.sh BUILDDIR OUT}"
out=$(cd "$2" && pwd)
spinney=$build/spinney
recipe=$source/share/recipes/checkpoints.ini
steps=${EXCP_STEPS:-1600}
part=400
cd "$out"

train() { "$spinney" -q train "$recipe" --threads 1 --steps "$steps" "$@" > /dev/null; }
# Loss of the newest checkpoint of run $1 on 40,000 tokens of examples that no run sees.
validate() {
    rm -rf validation
    sed 's/^save_every .*/accumulate = 80/' "$recipe" > validation.ini
    sed -i "s|held-out-24.txt|$source/share/recipes/held-out-24.txt|" validation.ini
    "$spinney" -q train validation.ini --threads 1 --from "$1" --seed 977 --steps 1 -o validation > validation.out
    sed -n 's/^loss\t//p' validation.out
}
# Folder $2 as a run that holds nothing but checkpoint $3, which is folder $1.
one() {
    rm -rf "$2"
    mkdir "$2"
    ln -s "$out/base/tokenizer.gguf" "$2/tokenizer.gguf"
    ln -s "$1" "$2/checkpoint-$3"
}

[ -f base/done ] || { train -o base --resume; touch base/done; }
[ -f base.loss ] || validate base > base.loss

# name, options of the codec
way() {
    name=$1
    options=$2
    [ ! -f "$name/done" ] || return 0
    rm -rf "$name"
    mkdir -p "$name/run"
    cp base/tokenizer.gguf base/recipe.ini base/log.jsonl "$name/run"
    at=100
    while [ "$at" -le "$part" ]; do
        cp -al "base/checkpoint-$at" "$name/run/checkpoint-$at"
        at=$((at + 100))
    done
    at=$part
    : > "$name/resume.tsv"
    while [ "$at" -lt "$steps" ]; do
        "$spinney" -q ckpt compress "$name/run" -o "$name/store" --codec "excp:$options" --json >> "$name/sizes.jsonl"
        "$spinney" -q ckpt restore "$name/store" --step "$at" -o "$name/restored" > /dev/null
        one "$out/$name/run/checkpoint-$at" was "$at"
        before=$(validate was)
        mkdir -p "$name/original"
        mv "$name/run/checkpoint-$at" "$name/original"
        mv "$name/restored" "$name/run/checkpoint-$at"
        one "$out/$name/run/checkpoint-$at" now "$at"
        printf '%s\t%s\t%s\n' "$at" "$before" "$(validate now)" >> "$name/resume.tsv"
        at=$((at + part))
        if ! train -o "$name/run" --resume --until "$at"; then
            echo diverged > "$name/loss"
            touch "$name/done"
            return 0
        fi
    done
    "$spinney" -q ckpt compress "$name/run" -o "$name/store" --codec "excp:$options" --json >> "$name/sizes.jsonl"
    validate "$name/run" > "$name/loss"
    touch "$name/done"
}

way auto alpha=auto
way a5e-5 alpha=5e-5
way a2e-4 alpha=2e-4
way a1.2e-3 alpha=1.2e-3
way a2.5e-3 alpha=2.5e-3
way a5e-3 alpha=5e-3
way apart alpha=auto,mask=apart
way apart2 alpha=1.2e-3,mask=apart
way uniform alpha=0,beta=0,mask=apart,centres=uniform
