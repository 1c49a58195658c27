#!/bin/sh
# `spinney ckpt compress`, `restore` and `verify` of a store, with a codec made for it; killed at many moments.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"

case_dir=$SPINNEY_BUILDDIR/plugins/ckpt/case
[ -f "$case_dir/case_codec.la" ] || skip_all "no loadable plugins in this build"
"$SPINNEY_BUILDDIR/tool_ckpt" "$work/c" || skip_all "the checkpoints could not be written"
cd "$work/c" || exit 99
ckpt() { "$spinney" -q --plugin-dir "$case_dir" ckpt "$@"; }

want 3 "no codec of this name" ckpt compress run -o nostore --codec none
[ ! -e nostore ]
ok $? "and no store"
want 2 "no store named" ckpt compress run --codec case
want 0 "compress" ckpt compress run -o store --codec case --json
[ "$(wc -l < "$work/out")" -eq 3 ]
ok $? "a line a step"
for key in step bytes_raw bytes_packed ratio seconds; do has "\"$key\":" out; done
head -n 1 "$work/out" | grep -q '"key":true' && tail -n 1 "$work/out" | grep -q '"key":false'
ok $? "the first is a key frame, the last is not"
want 0 "verify" ckpt verify store
want 0 "again: nothing to do" ckpt compress run -o store --codec case
[ ! -s "$work/out" ]
ok $? "no line"
want 2 "another codec option" ckpt compress run -o store --codec case:sleep-ms=1
for step in 9 10 200; do
    want 0 "restore $step" ckpt restore store --step $step -o out-$step
    want 0 "the numbers of step $step" ckpt diff run/checkpoint-$step.safetensors out-$step/checkpoint-$step.safetensors
done
want 2 "restore over what is there" ckpt restore store -o out-9
want 3 "restore of no step" ckpt restore store --step 11 -o out-11

# Steps that come later hang on what is there.
cp run/checkpoint-10.safetensors run/checkpoint-300.safetensors
want 0 "a step more" ckpt compress run -o store --json
[ "$(wc -l < "$work/out")" -eq 1 ]
ok $? "only that one"
want 0 "restore the newest" ckpt restore store -o out-300
want 0 "its numbers" ckpt diff run/checkpoint-300.safetensors out-300/checkpoint-300.safetensors
mv store/step-10 step-10
want 1 "verify: a link is missing" ckpt verify store --json
has "which is not there" out
want 3 "restore says so too" ckpt restore store --step 200 -o out-x
mv step-10 store/step-10

# Two at once.
"$spinney" -q --plugin-dir "$case_dir" ckpt compress run -o both --codec case:sleep-ms=40 > /dev/null 2>&1 &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10; do [ -f both/store.json ] || sleep 0.05; done
sleep 0.05
want 5 "a store that another process fills" ckpt compress run -o both --codec case:sleep-ms=40
has "another process" err
wait $pid
ok $? "the first one is not disturbed"

# Killed: what is there is whole, and the next run goes on.
for ms in 5 20 40 60 90 120 150 200; do
    rm -rf killed
    "$spinney" -q --plugin-dir "$case_dir" ckpt compress run -o killed --codec case:sleep-ms=4 > /dev/null 2>&1 &
    pid=$!
    sleep "$(awk "BEGIN { print $ms / 1000 }")"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    if [ -f killed/store.json ]; then
        want 0 "killed after $ms ms: what is there is whole" ckpt verify killed
    fi
    want 0 "killed after $ms ms: goes on" ckpt compress run -o killed --codec case:sleep-ms=4
    ckpt restore killed -o k-$ms > /dev/null 2>&1
    ckpt diff run/checkpoint-300.safetensors k-$ms/checkpoint-300.safetensors > /dev/null 2>&1
    ok $? "killed after $ms ms: the numbers at the end"
    left=$(find killed -name 'new-*' -o -name 'unpacked-*')
    [ -z "$left" ]
    ok $? "killed after $ms ms: nothing is left behind"
done
done_testing
