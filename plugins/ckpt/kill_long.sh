#!/bin/sh
# kill_long.sh - `ckpt convert` killed at $KILLS random moments, and on a disk that is full at many sizes: what has its final name is whole or as it was, nothing half stays, the next run goes through.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
kills=${KILLS:-200}
cd "$work" || exit 99
"$SPINNEY_BUILDDIR/tool_run" run || exit 99
model=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
full=$(find "$SPINNEY_BUILDDIR/tests/app" -name full_disk.so 2> /dev/null | head -n 1)
# The forms that are written, each from a source; the folder comes last: it is made of several files.
forms="pt npz gguf safetensors hf"
source_of() { case $1 in gguf | hf) echo "$model" ;; *) echo run/checkpoint-3000 ;; esac; }
# good NAME: NAME is a whole checkpoint.
good() { "$spinney" -q ckpt verify "$1" > /dev/null 2>&1; }

for form in $forms; do
    out=out.$form; [ "$form" = hf ] && out=outfolder
    begin=$(date +%s%N)
    "$spinney" -q ckpt convert "$(source_of $form)" whole-$out > /dev/null 2>&1
    ok $? "convert to $form"
    took=$((($(date +%s%N) - begin) / 1000))
    broken=0 left=0 made=0 i=0
    while [ $i -lt $((kills / 5)) ]; do
        i=$((i + 1))
        rm -rf "$out"
        "$spinney" -q ckpt convert "$(source_of $form)" $out > /dev/null 2>&1 &
        pid=$!
        # A random part of the time that a whole one takes.
        part=$(awk "BEGIN { srand($i * 7919 + $kills); printf \"%.4f\", rand() * $took / 900000 }")
        sleep "$part"
        kill -9 $pid 2> /dev/null
        wait $pid 2> /dev/null
        if [ -e "$out" ]; then
            made=$((made + 1))
            good "$out" || broken=$((broken + 1))
        fi
    done
    ok $broken "$form: killed $i times, $made were there, $broken of them not whole"
    rm -rf "$out"
    "$spinney" -q ckpt convert "$(source_of $form)" $out > /dev/null 2>&1 && good "$out" && "$spinney" -q ckpt diff "$out" "whole-$out" > /dev/null 2>&1
    ok $? "$form: the next run goes through"
    # What a killed process left beside is no checkpoint by name, and is said to be one by nobody.
    for f in $out.new-*; do [ -e "$f" ] && left=$((left + 1)); done
    rm -rf $out.new-*
    echo "# $form: $left unfinished files lay beside, under names of their own"
done

if [ -z "$full" ]; then
    skip "no shim for a full disk in this build"
else
    for form in $forms; do
        out=full.$form; [ "$form" = hf ] && out=fullfolder
        bad=0 n=0
        for bytes in 0 1 7 64 511 4096 10000 65536 100000 300000 600000 900000 1100000; do
            rm -rf "$out"
            FULL_DISK_BYTES=$bytes LD_PRELOAD=$full "$spinney" -q ckpt convert "$(source_of $form)" "$out" > out 2> err
            code=$?
            n=$((n + 1))
            if [ $code -eq 0 ]; then
                good "$out" || bad=$((bad + 1))
            else
                { [ $code -eq 5 ] && [ ! -e "$out" ] && [ "$(ls -d "$out"* 2> /dev/null | wc -l)" -eq 0 ] && grep -q "No space left" err; } ||
                    { bad=$((bad + 1)); echo "# $form at $bytes bytes: exit $code: $(head -n 1 err); $(ls -d "$out"* 2> /dev/null | tr '\n' ' ')"; }
            fi
        done
        ok $bad "$form: a disk that is full at $n sizes: a sentence, exit 5, nothing left"
    done
fi
done_testing
