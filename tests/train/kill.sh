#!/bin/sh
# kill.sh - a run killed with SIGKILL at random moments ends with the bytes of one that was left alone, with 1 and 2 threads.
# KILLS (default 3; the long tier gives 20) moments a number of threads; SEED (default 1) picks them.
set -u
kills=${KILLS:-3} seed=${SEED:-1}
steps=${STEPS:-60}
toy=${SPINNEY_BUILDDIR:-.}/toy_train
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0
fail=0

check() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        fail=1
    fi
}

# The log but for the time that a line took, and every file of the last checkpoint.
same_run() {
    for f in config.json model.safetensors optimizer.safetensors state.json; do
        cmp "$1/checkpoint-$steps/$f" "$2/checkpoint-$steps/$f" >&2 || return 1
    done
    for run in "$1" "$2"; do
        sed 's/,"tokens_per_s":[0-9.]*//' "$run/log.jsonl" > "$run.log"
    done
    cmp "$1.log" "$2.log" >&2
}

start=$(date +%s%N)
"$toy" "$dir/whole" "$steps" 1
check $? "an uninterrupted run of $steps steps"
whole_ms=$((($(date +%s%N) - start) / 1000000))

for threads in 1 2; do
    run=$dir/killed$threads
    done_kills=0 starts=0
    while [ ! -d "$run/checkpoint-$steps" ] && [ $starts -lt $((kills * 10 + 10)) ]; do
        starts=$((starts + 1))
        if [ $done_kills -lt "$kills" ]; then
            # Moments spread over what a run from here on may take; kills of a finished run do not count.
            delay=$(awk -v s="$seed" -v k="$starts" -v t="$threads" -v ms="$whole_ms" -v n="$kills" \
                'BEGIN { srand(s * 1000 + t * 100 + k); printf "%.3f", rand() * 2 * ms / n / 1000 + 0.01 }')
            "$toy" "$run" "$steps" $threads &
            pid=$!
            sleep "$delay"
            kill -9 $pid 2> /dev/null
            wait $pid 2> /dev/null
            [ $? = 137 ] && done_kills=$((done_kills + 1))      # else it was done already
        else
            "$toy" "$run" "$steps" $threads || break
        fi
    done
    [ $done_kills -gt 0 ]
    check $? "$done_kills kills with $threads threads, $starts starts"
    same_run "$dir/whole" "$run"
    check $? "the killed run ends with the same bytes, $threads threads"
    [ -z "$(find "$run" -name '*.tmp')" ] && [ "$(find "$run" -name 'checkpoint-*' | wc -l)" -le 2 ]
    check $? "nothing half written is left, two checkpoints are kept"
done
echo "1..$n"
exit $fail
