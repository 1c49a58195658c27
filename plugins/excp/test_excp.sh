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
want 0 "restore the key frame" "$spinney" -q ckpt restore store --step 20 -o key
want 0 "it is as it was" "$spinney" -q ckpt diff run/checkpoint-20 key
done_testing
