#!/bin/sh
# test_models.sh - models in the stores of other programs: found, named, refused.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
unset HF_HOME HF_HUB_CACHE OLLAMA_MODELS LLAMA_CACHE http_proxy HTTP_PROXY
mini=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
[ -f "$mini" ] || skip_all 'no share/models/forest-mini.gguf'
models() { "$spinney" -q models --no-probe --json "$@"; }

# ---- a Hugging Face cache: a folder model, one with files of ours, one that is no model ----
hub=$HOME/.cache/huggingface/hub
mkdir -p "$hub/models--acme--Tiny-GGUF/snapshots/0123" "$hub/models--acme--Tiny-GGUF/snapshots/4567" \
    "$hub/models--acme--Tiny-GGUF/refs" "$hub/datasets--acme--words/snapshots/1" "$hub/models--acme--cfg/snapshots/9"
printf 4567 > "$hub/models--acme--Tiny-GGUF/refs/main"
ln "$mini" "$hub/models--acme--Tiny-GGUF/snapshots/4567/Tiny-Q8_0.gguf" 2> /dev/null ||
    cp "$mini" "$hub/models--acme--Tiny-GGUF/snapshots/4567/Tiny-Q8_0.gguf"
cp "$mini" "$hub/models--acme--Tiny-GGUF/snapshots/0123/Old.gguf"
echo '{"model_type":"llama"}' > "$hub/models--acme--cfg/snapshots/9/config.json"
echo x > "$hub/models--acme--cfg/snapshots/9/model.safetensors"
# ---- an Ollama store ----
o=$HOME/.ollama/models
hex=$(printf '%064d' 7)
mkdir -p "$o/blobs" "$o/manifests/registry.ollama.ai/library/tiny" "$o/manifests/registry.ollama.ai/me/own" \
    "$o/manifests/example.org/you/far" "$o/manifests/registry.ollama.ai/library/bad"
cp "$mini" "$o/blobs/sha256-$hex"
manifest="{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.template\",\"digest\":\"sha256:1\"},
 {\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:$hex\"}]}"
for f in registry.ollama.ai/library/tiny/1m registry.ollama.ai/library/tiny/latest registry.ollama.ai/me/own/latest \
    example.org/you/far/2b; do
    echo "$manifest" > "$o/manifests/$f"
done
echo '{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../../etc/passwd"}]}' \
    > "$o/manifests/registry.ollama.ai/library/bad/latest"
# ---- LM Studio and llama.cpp ----
lm=$HOME/.lmstudio/models/acme/Sees-GGUF
mkdir -p "$lm" "$HOME/.cache/llama.cpp"
cp "$mini" "$lm/Sees-Q8_0.gguf"
echo GGUF > "$lm/mmproj-Sees.gguf"
cp "$mini" "$HOME/.cache/llama.cpp/acme_split-00001-of-00002.gguf"
cp "$mini" "$HOME/.cache/llama.cpp/acme_split-00002-of-00002.gguf"

want 0 'all of them' models
row() { sed -n "s|.*\"name\":\"\($1\)\",\"path\":\"\([^\"]*\)\",\"source\":\"\([^\"]*\)\".*|\3 \2|p" "$work/out"; }
[ "$(row Tiny-Q8_0)" = "hugging face $hub/models--acme--Tiny-GGUF/snapshots/4567/Tiny-Q8_0.gguf" ]
ok $? 'the snapshot that refs/main names'
[ -z "$(row Old)" ]; ok $? 'an older snapshot is not listed'
[ "$(row cfg)" = "hugging face $hub/models--acme--cfg/snapshots/9" ]; ok $? 'a folder model'
has '"why_not":"' out 'which does not run, and why'
[ "$(row tiny:1m)" = "ollama $o/blobs/sha256-$hex" ]; ok $? 'the blob of a tag'
[ "$(row me/own:latest)" = "ollama $o/blobs/sha256-$hex" ]; ok $? 'an organisation'
[ "$(row example.org/you/far:2b)" = "ollama $o/blobs/sha256-$hex" ]; ok $? 'another registry'
[ -z "$(row bad:latest)" ]; ok $? 'a digest that is a path is none'
[ "$(row Sees-Q8_0)" = "lm studio $lm/Sees-Q8_0.gguf" ]; ok $? 'LM Studio'
has "\"mmproj\":\"$lm/mmproj-Sees.gguf\"" out 'with its picture half'
[ "$(row acme_split)" = "llama.cpp $HOME/.cache/llama.cpp/acme_split-00001-of-00002.gguf" ]
ok $? 'a split file once, by its first part'
[ "$(grep -c '"ctx_fits":512' "$work/out")" -ge 6 ]; ok $? 'the context that fits'

chat() { "$spinney" -q chat -m "$1" -p '4 5 6 10' --max-tokens 1 --json; }
for name in tiny:1m tiny Tiny-Q8_0 tiny-q8_0 acme/Tiny-GGUF hf:acme/Tiny-GGUF ollama:tiny:1m me/own Sees-Q8_0; do
    want 0 "-m $name" chat "$name"
done
mkdir -p "$HOME/.local/share/spinney/models"
cp "$mini" "$HOME/.local/share/spinney/models/Sees-Q8_0.gguf"
want 2 'a name of two models' chat Sees-Q8_0
has "2 models have this name: $HOME/.local/share/spinney/models/Sees-Q8_0.gguf (yours), $lm/Sees-Q8_0.gguf (lm studio)" err
want 3 'a name of none' chat tinny
has 'near: tiny:1m (ollama)' err
want 3 'not in that store' chat hf:tiny:1m
want 3 'a path that is none' chat ./none/such
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 "$o"
    "$spinney" models --no-probe > "$work/out" 2> "$work/err"
    has "$o: no permission" err 'a store that may not be read'
    has 'try: join the group `ollama`' err
    chmod 700 "$o"
else
    skip 'the superuser may read everything'
fi
done_testing
