#!/bin/sh
# fuzz.sh - runs the fuzz targets under ASan and UBSan, and says what the kept inputs cover.
#
#   tests/fuzz/fuzz.sh [-n RUNS] [-k] [NAME]...     from the sources; default 2000000 runs, every target
#
# Builds in ./fuzz-build (clang, libFuzzer) and ./fuzz-coverage (gcc, gcov). New inputs stay in
# fuzz-build/found/NAME; -k keeps them: the least set that reaches the same edges goes to corpus/NAME.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
runs=2000000 keep=no
while getopts n:k option; do
    case $option in
    n) runs=$OPTARG ;;
    k) keep=yes ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

# name, dictionary, longest input, sources whose lines its corpus must cover
table='answer answer.dict 1024 plugins/math/answer.c,plugins/math/claim.c,plugins/math/latex.c,plugins/math/steps.c,plugins/common/exact.c
batch batch.dict 1024 app/host/cmdline.c,app/host/input.c,app/host/output.c,app/host/output_order.c,base/option.c
folder pickle.dict 12288 format/dcp.c,format/deepspeed.c,format/deepspeed_cut.c,format/megatron.c,format/folder.c
curves json.dict 2048 format/curves.c,format/curves_events.c,format/curves_text.c
gguf gguf.dict 4096 format/gguf.c
gbnf gbnf.dict 512 text/gbnf.c,text/grammar.c
hf json.dict 4096 format/hf_folder.c,format/json_text.c
npy npy.dict 512 format/npy.c
pickle pickle.dict 1024 format/pickle.c,format/pickle_text.c,format/torch_legacy.c,format/torch_flatten.c,format/numpy_value.c
remote remote.dict 2048 app/engine/remote_reader.c,app/engine/reply.c
jinja jinja.dict 2048 text/jinja_lex.c,text/jinja_parse.c,text/jinja_statement.c,text/jinja_eval.c,text/jinja_value.c,text/jinja_text.c,text/jinja_filter.c,text/jinja_list.c,text/jinja_method.c,text/jinja_math.c,text/jinja_test.c
safetensors json.dict 4096 format/safetensors.c,format/json_text.c
schema schema.dict 1024 text/schema.c,text/schema_text.c
spinneyrc spinneyrc.dict 4096 app/host/settings.c
tokenizer tokenizer.dict 512 text/vocab_gguf.c,text/vocab.c,text/special.c,text/merge.c,text/bpe.c,text/detok.c
tokenizer_json tokenizer_json.dict 3072 text/vocab_hf.c,text/hf_shape.c,text/spm.c
zip pickle.dict 1536 format/zip.c,format/torch_zip.c,format/torch_value.c,format/layout.c,format/inflate.c,format/packed.c,format/npy.c'

[ $# -gt 0 ] || set -- $(echo "$table" | cut -d' ' -f1)
targets='' replays=''
for name; do targets="$targets fuzz_$name" replays="$replays replay_$name"; done

# build DIR CFLAGS OPTIONS... -- TARGETS...
build() {
    dir=$1 flags=$2 && shift 2
    options=''
    while [ "$1" != -- ]; do options="$options $1" && shift; done
    shift
    mkdir -p "$dir"
    (cd "$dir" && { [ -f Makefile ] || "$src/configure" -q --disable-shared --enable-static \
        --with-cuda=no CFLAGS="$flags" $options; } && make -s "$@") > "$dir.log" 2>&1 || { tail "$dir.log"; exit 1; }
}

build fuzz-build '-g -O1' CC=clang --enable-fuzzing --enable-asan --enable-ubsan -- $targets
build fuzz-coverage -O0 CC=gcc --enable-coverage -- $replays
status=0
for name; do
    set -- $(echo "$table" | grep "^$name ")
    corpus=$src/tests/fuzz/corpus/$name found=fuzz-build/found/$name log=fuzz-build/$name.log
    mkdir -p "$corpus" "$found"
    # 2 GiB would hide what a small file costs: 64 MiB and its size are promised, a sanitizer doubles that.
    fuzz-build/fuzz_$name -runs="$runs" -dict="$src/tests/fuzz/$2" -max_len="$3" -timeout=5 \
        -rss_limit_mb=1024 -malloc_limit_mb=80 -print_final_stats=1 -artifact_prefix="fuzz-build/$name-" \
        "$found" "$corpus" > "$log" 2>&1 || { echo "$name: FINDING, see $log"; tail -n 5 "$log"; status=1; }
    if [ $keep = yes ]; then
        least=fuzz-build/least-$name
        rm -rf "$least" && mkdir "$least"
        fuzz-build/fuzz_$name -set_cover_merge=1 -max_len="$3" "$least" "$corpus" "$found" >> "$log" 2>&1
        rm -f "$corpus"/* && cp "$least"/* "$corpus"
    fi
    find fuzz-coverage -name '*.gcda' -exec rm -f {} +
    SPINNEY_SRCDIR=$src fuzz-coverage/replay_$name > /dev/null || status=1
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: //p' "$log") runs," \
        "$(ls "$corpus" | wc -l) inputs kept, $(cat "$corpus"/* | wc -c) bytes"
    for file in $(echo "$4" | tr , ' '); do
        case $file in
        plugins/*) object=${file%.c}.o ;;
        app/*) object=${file%/*}/libspnapp_a-$(basename "$file" .c).o ;;
        *) object=kernels/${file%/*}/libspn_${file%/*}_la-$(basename "$file" .c).o file=kernels/$file ;;
        esac
        (cd fuzz-coverage && gcov -n "$object" 2> /dev/null) |
            grep -A1 "/$file'" | sed -n "s|Lines executed:|  $file: |p"
    done
done
exit $status
