#!/bin/sh
# test_quantize.sh - a GGUF and a folder with fewer bits, and what is refused.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
model=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
cd "$work" || exit 99
type_of() { "$spinney" -q ckpt ls "$1" "$2" --json | sed -n 's/.*"dtype":"\([^"]*\)".*/\1/p'; }

want 0 "to q4_0" "$spinney" quantize "$model" q4.gguf q4_0
has "bits a weight" out
[ "$(type_of q4.gguf blk.0.attn_q.weight) $(type_of q4.gguf output_norm.weight)" = 'q4_0 f32' ]
ok $? "matrices are q4_0, norms as they were"
[ "$(type_of q4.gguf token_embd.weight)" = q8_0 ]; ok $? "the tied output has more bits"
want 0 "pure" "$spinney" quantize "$model" pure.gguf Q4_0 --pure
[ "$(type_of pure.gguf token_embd.weight)" = q4_0 ]; ok $? "the output, too"
want 0 "its tokenizer came along" "$spinney" -q chat -m q4.gguf -p 'Hi' --max-tokens 4
[ "$("$spinney" -q ckpt meta q4.gguf general.file_type | awk '{ print $NF }')" = 2 ]; ok $? "the file says its type"
want 0 "a mixture" "$spinney" quantize "$model" mixed.gguf q4_k
[ "$(type_of mixed.gguf blk.0.ffn_gate.weight)" = q5_0 ]; ok $? "rows of 128 are no blocks of 256: the next type"
want 0 "one thread" "$spinney" quantize "$model" one.gguf q4_k_m --threads 1
cmp -s mixed.gguf one.gguf; ok $? "gives the same bytes"
want 0 "a folder" "$spinney" -q ckpt convert "$model" folder --dtype f16
want 0 "is quantised" "$spinney" quantize folder f.gguf q8_0
[ "$(type_of f.gguf blk.1.ffn_up.weight)" = q8_0 ]; ok $? "to q8_0"
[ "$(ls | grep -c part)" -eq 0 ]; ok $? "nothing is left beside it"

want 2 "a type that is none" "$spinney" quantize "$model" x.gguf q9
has "there are f32 f16" err
want 2 "another ending" "$spinney" quantize "$model" x.safetensors q4_0
want 3 "no such model" "$spinney" quantize "$work/none.gguf" x.gguf q4_0
printf 'hello' > text.gguf
want 3 "no model" "$spinney" quantize text.gguf x.gguf q4_0
[ ! -e x.gguf ]; ok $? "no file is begun"
done_testing
