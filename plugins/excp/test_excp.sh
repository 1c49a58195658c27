#!/bin/sh
# `spinney ckpt compress`, `verify` and `restore` with codec excp, on what `spinney train` leaves.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"

cat > "$work/tiny.ini" <<END
[model]
arch    = llama
embd    = 32
layers  = 1
heads   = 2
ff      = 64
context = 128

[tokenizer]
vocab    = 320
pre      = qwen2
specials = <|im_start|> <|im_end|>
eos      = <|im_end|>
examples = 50

[data.game24]
weight   = 1
held-out = $SPINNEY_SRCDIR/share/recipes/held-out-24.txt

[train]
steps        = 60
batch_tokens = 256
lr           = 1e-3
save_every   = 20
keep         = 0
END
cd "$work" || exit 99
want 0 "train" "$spinney" -q train tiny.ini -o run
want 0 "train, until a step" "$spinney" -q train tiny.ini -o parts --until 30
[ -d parts/checkpoint-30 ] && [ ! -d parts/checkpoint-40 ]
ok $? "it ends there"
want 0 "train, the rest" "$spinney" -q train tiny.ini -o parts --resume
cmp run/checkpoint-60/model.safetensors parts/checkpoint-60/model.safetensors
ok $? "as if it had not stopped"
want 0 "compress" "$spinney" -q ckpt compress run -o store --codec excp:alpha=auto --json
grep -q '"key":true' out && tail -n 1 out | grep -q '"kept_weights":0\.'
ok $? "a key frame, then differences"
want 0 "verify" "$spinney" -q ckpt verify store
want 0 "restore" "$spinney" -q ckpt restore store -o back
[ -f back/model.safetensors ] && [ -f back/optimizer.safetensors ] && [ -f back/state.json ]
ok $? "the files of a checkpoint"
mkdir resumed && cp run/tokenizer.gguf run/recipe.ini run/log.jsonl resumed && cp -r back resumed/checkpoint-60 &&
"$spinney" -q train tiny.ini -o resumed --resume --steps 65 > /dev/null
ok $? "training goes on from it"
want 0 "a step in the released code's form" "$spinney" -q ckpt export store -o compressed.pt
want 2 "a key frame has none" "$spinney" -q ckpt export store --step 20 -o key.pt
want 0 "the step before" "$spinney" -q ckpt restore store --step 40 -o before
want 0 "restored from that form" "$spinney" -q ckpt restore compressed.pt --before before -o again
want 0 "restore the key frame" "$spinney" -q ckpt restore store --step 20 -o key
cmp run/checkpoint-20/model.safetensors key/model.safetensors &&
cmp run/checkpoint-20/optimizer.safetensors key/optimizer.safetensors
ok $? "its files are what they were, byte for byte"
done_testing
