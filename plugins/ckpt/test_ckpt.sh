#!/bin/sh
# `spinney ckpt`: verbs, exit codes, keys of --json, names and files that are hostile.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"

"$SPINNEY_BUILDDIR/tool_ckpt" "$work/c" || skip_all "the checkpoints could not be written"
cd "$work/c" || exit 99
ckpt() { "$spinney" -q ckpt "$@"; }

# ls
want 0 "ls" ckpt ls plain.safetensors
head -n 2 "$work/out" > "$work/two" && mv "$work/two" "$work/out"
out_is "head.weight	f32	48x64	12288	536	plain.safetensors
layers.0.mlp.weight	f32	48x64	12288	12824	plain.safetensors" "ls: a row a tensor"
want 0 "ls --json" ckpt ls plain.safetensors head --json
out_is '{"name":"head.weight","dtype":"f32","shape":[48,64],"bytes":12288,"offset":536,"file":"plain.safetensors"}' \
    "ls: the keys of the contract"
want 0 "ls --tree" ckpt ls plain.safetensors --tree
out_is "head.weight	f32	48x64	1	3072	12288
layers.0..4.mlp.weight	f32	48x64	5	15360	61440" "ls: layers that repeat are one line"
want 0 "ls --tree --unfold --depth 1" ckpt ls plain.safetensors --tree --unfold --depth 1
out_is "head.weight	f32	48x64	1	3072	12288
layers/			5	15360	61440" "ls: totals by prefix"
want 0 "ls --sort name -r" ckpt ls plain.safetensors 'layers.*' --sort name -r
[ "$(cut -f1 "$work/out" | tr '\n' ' ')" = "layers.4.mlp.weight layers.3.mlp.weight layers.2.mlp.weight layers.1.mlp.weight layers.0.mlp.weight " ]
ok $? "ls: sorted by name, turned round"
want 3 "ls of a pattern that fits nothing" ckpt ls plain.safetensors heed
has 'none of its 6 tensors matches "heed"' err
want 3 "ls of no file" ckpt ls nowhere.safetensors
want 0 "ls of a run" ckpt ls run
has "checkpoint-200.safetensors" out "ls: the newest step of a run"
want 0 "a name with control characters" ckpt ls hostile.safetensors --json
has '\u001B[2J' out "is escaped as JSON"
want 0 "the same as text" ckpt ls hostile.safetensors
[ "$(wc -l < "$work/out")" -eq 6 ]
ok $? "a newline in a name makes no row"
if command -v script > /dev/null 2>&1; then
    script -qec "'$spinney' -q ckpt ls hostile.safetensors" /dev/null > "$work/out" 2> "$work/err" < /dev/null
    ! grep -q "$(printf '\033')\[2J" "$work/out"
    ok $? "and is made visible on a terminal"
else
    skip "no script(1)"
fi

# show, stats, hist
want 0 "show" ckpt show plain.safetensors head.weight --slice 1,0:3 --percentiles none
[ "$(tail -n 1 "$work/out" | awk -F'\t' '{print NF}')" -eq 3 ]
ok $? "show: a slice of three numbers"
want 2 "show: a slice past the end" ckpt show plain.safetensors head.weight --slice 48
want 2 "show: no slice" ckpt show plain.safetensors head.weight --slice x
want 0 "stats --json" ckpt stats nan.safetensors layers.1 --json --bins 4
for key in name min max mean std norm zeros nan inf percentiles histogram; do
    has "\"$key\":" out
done
has '"nan":1,"inf":1' out "stats: NaN and infinities are counted"
ckpt stats plain.safetensors --threads 1 > "$work/one"
ckpt stats plain.safetensors --threads 3 > "$work/three"
SPINNEY_ISA=ref ckpt stats plain.safetensors > "$work/ref"
cmp -s "$work/one" "$work/three" && cmp -s "$work/one" "$work/ref"
ok $? "stats: threads and instruction set change nothing"
want 2 "stats: a percentile past 100" ckpt stats plain.safetensors --percentiles 5,101
want 0 "hist" ckpt hist plain.safetensors head.weight --bins 5
[ "$(wc -l < "$work/out")" -eq 7 ]
ok $? "hist: five bins"

# meta
want 0 "meta of a key" ckpt meta plain.safetensors made_by
out_is "a test" "meta: its value"
want 3 "meta of no key" ckpt meta plain.safetensors made_of
has "spinney ckpt meta plain.safetensors made_by" err "meta: the nearest key"

# diff
want 0 "diff of two that are the same" ckpt diff plain.safetensors again.safetensors
want 1 "diff of two that are not" ckpt diff plain.safetensors moved.safetensors --json
has '"name":"layers.2.mlp.weight","status":"differs","max_abs":0.0001' out "diff: by how much"
has '"name":"head.weight","status":"same","max_abs":0.0,"rel":0.0,"cosine":1.0' out "diff: and what is the same"
want 0 "diff --tol" ckpt diff plain.safetensors moved.safetensors --tol 0.01
has "close" out
want 1 "diff: NaN is beyond any tolerance" ckpt diff plain.safetensors nan.safetensors --tol 1e9
has "NaN 0 and 1, infinite 0 and 1" out
want 0 "diff: the same NaN on both sides" ckpt diff nan.safetensors nan.safetensors
want 1 "diff: another name" ckpt diff plain.safetensors renamed.safetensors --json
has '"status":"renamed"' out
has '"renamed":"first.weight"' out
want 1 "diff: one is missing" ckpt diff plain.safetensors without.safetensors
has "missing_in_b" out
want 1 "diff: another shape" ckpt diff plain.safetensors shape.safetensors
has "48x64 and 64x48" out
want 0 "diff of what is the same in them" ckpt diff plain.safetensors moved.safetensors head layers.0

# health
want 0 "health of a good one" ckpt health plain.safetensors
for bad in nan zero_row without shape copy; do
    want 1 "health: $bad" ckpt health $bad.safetensors --json
    [ -s "$work/out" ]
    ok $? "health: says what"
done
has "are those of head.weight" out "health: a copy"
mkdir model && printf '{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}' \
    > model/model.safetensors.index.json
echo '{}' > model/config.json
cp plain.safetensors model/model-00001-of-00002.safetensors
want 1 "health: a shard is missing" ckpt health model
has "model-00002-of-00002.safetensors" out

# verify
want 0 "verify" ckpt verify plain.safetensors
head -c 20000 plain.safetensors > cut.safetensors
want 1 "verify of half a file" ckpt verify cut.safetensors --json
has '"whole":false' out

# Files that are still being written: as far as they go, and a sentence; never more than there is, never other numbers.
for end in safetensors gguf pt; do
    want 0 "export as $end" ckpt export plain.safetensors -o grow.$end
    size=$(wc -c < grow.$end) all=$(ckpt ls grow.$end | wc -l)
    ckpt stats grow.$end > whole.stats
    last=0 bad=0 seen=0
    for part in 10 25 40 55 70 85 95 99; do
        head -c $((size * part / 100)) grow.$end > cut.$end
        "$spinney" ckpt stats cut.$end > cut.stats 2> cut.err
        code=$? n=$(wc -l < cut.stats)
        if [ $code -eq 0 ]; then
            seen=$((seen + 1))
            [ "$n" -ge "$last" ] && [ "$n" -le "$all" ] && grep -q "not there whole" cut.err && [ -z "$(comm -23 cut.stats whole.stats 2> /dev/null)" ] || bad=1
            last=$n
        else
            [ $code -eq 3 ] || bad=1
        fi
    done
    ok $bad "$end cut at eight places: $last of $all tensors at last, in $seen of 8"
    [ $seen -gt 4 ] && [ "$last" -gt 2 ]; ok $? "$end: most of it is seen while it grows"
done
mkdir shards; echo '{}' > shards/config.json; cp plain.safetensors shards/model-00001-of-00002.safetensors
echo '{"metadata": {}, "weight_map": {"head.weight": "model-00001-of-00002.safetensors", "more.weight": "model-00002-of-00002.safetensors"}}' > shards/model.safetensors.index.json
want 0 "a shard that is not written yet" "$spinney" ckpt ls shards
has "more.weight" err

# heat, series
want 0 "heat" ckpt heat plain.safetensors head.weight --down 6 --across 10
[ "$(wc -l < "$work/out")" -eq 7 ]
ok $? "heat: six lines of cells below the head"
want 0 "heat -o" ckpt heat plain.safetensors head.weight --slice 0:8,0:16 -o heat.pgm
[ "$(head -c 8 heat.pgm | tr '\n' ' ')" = "P5 16 8 " ] && [ "$(wc -c < heat.pgm)" -eq 140 ]
ok $? "heat: an image of 16 x 8"
want 0 "series" ckpt series run --json
[ "$(wc -l < "$work/out")" -eq 3 ]
ok $? "series: a line a step"
head -n 2 "$work/out" | tail -n 1 | grep -q '"step":10,.*"update":0.000'
ok $? "series: in the order of numbers, with the size of the update"
tail -n 1 "$work/out" | grep -q '"zero_rows":1'
ok $? "series: dead units"
want 0 "series of a tensor, plotted" ckpt series run layers.2 --plot
has "update, 0 to" out
want 3 "series of no run" ckpt series model

# convert, export
want 0 "export to GGUF, as names stand" ckpt export plain.safetensors -o plain.gguf
has "plain.gguf" out
want 0 "and nothing is lost" ckpt diff plain.safetensors plain.gguf
want 0 "convert to bf16" ckpt convert plain.safetensors half.safetensors --dtype bf16
want 0 "half the bytes" ckpt ls half.safetensors head --json
has '"dtype":"bf16","shape":[48,64],"bytes":6144' out
want 0 "within the error of bf16" ckpt diff plain.safetensors half.safetensors --tol 0.004
want 0 "convert to q8_0" ckpt convert plain.gguf small.gguf --dtype q8_0
want 0 "within the error of q8_0" ckpt diff plain.safetensors small.gguf --tol 0.01
has "f32 and q8_0" out
want 0 "convert drops nothing to say: metadata" ckpt meta small.gguf made_by
want 2 "convert to a type that is none" ckpt convert plain.safetensors x.gguf --dtype q9
want 2 "convert to an unknown ending" ckpt convert plain.safetensors x.doc
want 0 "export" ckpt export plain.safetensors head -o head.safetensors
want 0 "one tensor" ckpt ls head.safetensors
[ "$(wc -l < "$work/out")" -eq 1 ]
ok $? "export: one tensor"
for end in pt npz; do
    want 0 "export as $end" ckpt export plain.safetensors -o plain.$end
    want 0 "and nothing is lost" ckpt diff plain.safetensors plain.$end
done
want 0 "a GGUF quantised again keeps its tokenizer" ckpt convert "$SPINNEY_SRCDIR/share/models/forest-mini.gguf" mini.gguf --dtype q4_0
want 0 "all tokens" ckpt meta mini.gguf tokenizer.ggml.tokens
cp "$work/out" "$work/tokens"
ckpt meta "$SPINNEY_SRCDIR/share/models/forest-mini.gguf" tokenizer.ggml.tokens > "$work/out"
cmp -s "$work/tokens" "$work/out"
ok $? "the same tokens"

# A full disk, a killed process: what has the final name is whole, or as it was.
(trap '' XFSZ; ulimit -f 40; "$spinney" -q ckpt export plain.safetensors -o full.safetensors) > "$work/out" 2> "$work/err"
[ $? -eq 5 ] && [ -z "$(ls | grep '^full')" ]
ok $? "no room: exit 5, and nothing is left"
(trap '' XFSZ; ulimit -f 40; "$spinney" -q ckpt convert "$SPINNEY_SRCDIR/share/models/forest-mini.gguf" fullhf) > "$work/out" 2> "$work/err"
[ $? -eq 5 ] && [ -z "$(ls | grep '^fullhf')" ]
ok $? "no room for a folder: exit 5, and nothing is left"
cp plain.safetensors twice.safetensors
broken=0
for ms in 1 2 3 4 5 6 7 8 9 10 12 15; do
    "$spinney" -q ckpt export nan.safetensors -o twice.safetensors > /dev/null 2>&1 &
    pid=$!
    sleep "0.0$(printf %02d $ms)"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    cmp -s twice.safetensors plain.safetensors || ckpt diff twice.safetensors nan.safetensors > /dev/null 2>&1 || broken=1
done
ok $broken "killed at twelve moments: the old file or the new one"

if mkdir ro && chmod 555 ro && ! touch ro/x 2> /dev/null; then
    want 5 "convert where nothing can be written" ckpt convert plain.safetensors ro/x.gguf
else
    skip "every folder can be written here"
fi
m=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
want 0 "a model to a folder" ckpt convert "$m" hf
want 2 "not over what is there" ckpt convert "$m" hf
want 0 "compares by meaning" ckpt diff "$m" hf --tol 0.001
has "token_embd.weight	close" out
want 0 "and back" ckpt convert hf back.gguf --dtype q8_0
want 0 "compares by meaning again" ckpt diff hf back.gguf --tol 0.001

# A file alone is ls of it.
want 0 "a file" "$spinney" plain.safetensors --sort size
cp "$work/out" "$work/alone"
ckpt ls plain.safetensors --sort size > "$work/out"
cmp -s "$work/alone" "$work/out"
ok $? "spinney FILE is ckpt ls FILE"
want 3 "no such file" "$spinney" ./nothing

# use
want 2 "no verb" ckpt
want 2 "a verb that is none" ckpt stat plain.safetensors
has "spinney ckpt stats" err "the nearest verb"
want 2 "an option of another verb" ckpt ls plain.safetensors --tol 1
want 2 "too few arguments" ckpt diff plain.safetensors
done_testing
