#!/bin/sh
# test_remote.sh - chat over a server that answers, fails, stalls, cuts, lies and dies.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
. "$SPINNEY_SRCDIR/tests/remote/lib.sh"
[ -x "$server" ] || skip_all 'no module spn_net in this build'
fast='--backoff 0.02'
chat() { "$spinney" -q chat --engine "$url" $fast "$@"; }
ask() { chat -p "$@"; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" "$work/out"; }

# ---- plain answers ----
serve models=scripted
want 0 'an answer' ask 'hello there'
out_is 're: hello there' 'the text of the stream'
want 0 'as JSON' ask 'hello there' --json
[ "$(field tokens_in) $(field tokens_out) $(field model) $(field finish)" = '7 5 scripted stop' ]
ok $? 'tokens are those of the usage, the model is the server'"'"'s only one'
hasnt tokens_estimated out
has '"degraded":"seeds score prefill"' out 'what had to be done without is recorded'
want 0 'an address with a model' "$spinney" -q chat -m "$url#scripted" -p 'and this' --json
[ "$(field model)" = scripted ]; ok $? 'the name behind #'
want 0 'a whole answer' "$spinney" -q chat --engine "remote:url=$url,stream=no" -p 'no stream'
out_is 're: no stream' 'the text of the object'
want 0 'completions' "$spinney" -q chat --engine "remote:url=$url,api=completions" -p 'old api'
has 're: old api' out

# ---- faults that pass: each is survived ----
for f in '429*2' '503*1' '500*2' 'cut*1' 'stall*1' 'hang*1' 'close*1' 'mess*1' 'fail*1' 'html*1' 'raw*1' 'nofinish*1' slow 'here*1'; do
    want 0 "@$f" chat -p "@$f some words $f" --json --first 0.3 --idle 0.3
    [ "$(field text)" = "re: some words $f" ]; ok $? "@$f: the whole text, once"
done
want 0 'a stream that was cut goes on where it was' ask '@cut*1 a b c d'
out_is 're: a b c d' 'what was shown is not shown twice'

# ---- faults that stay ----
want 5 'too often 500' ask '@500 x'
has 'status 500: it broke, tried 3 times in ' err
want 5 'refused' ask '@400 x'
has "$url: status 400: too long" err
want 5 'a busy server has an end too' ask '@429 x' --wait 0.1
has 'status 429: slow down, and no answer in' err
want 5 'garbage' ask '@mess x'
has 'garbage came: not the JSON of an answer' err
want 5 'a page' ask '@html x'
has 'garbage came' err
want 5 'a redirect to another host' ask '@elsewhere x'
has 'which is not followed' err
has 'try: --engine http://127.0.0.2:9/v1' err
want 5 'too slow' ask '@hang x' --first 0.2 --tries 2
has 'no answer in 0.2 s, tried 2 times' err
printf '{"prompt":"a"}\n{"prompt":"@400 b"}\n{"prompt":"c"}\n' > "$work/in"
want 1 'one record of three fails' chat --json
[ "$(grep -c '"answer":"re: ' "$work/out")" = 2 ] && grep -q '"code":5' "$work/out"
ok $? 'the others are answered'
rm -f "$work/in"
unserve

# ---- models and features ----
serve models=alpha,beta
want 0 'its list' "$spinney" -q models --no-probe --server "$url" --json
has "\"name\":\"beta\",\"path\":\"$url#beta\",\"source\":\"server\"" out
has '"ctx":4096' out
want 2 'two models' ask x
has 'serves 2 models, which one? alpha, beta' err
want 0 'one of them' ask x -m beta --json
[ "$(field model)" = beta ]; ok $? 'is asked for'
unserve
serve refuse=top_k usage=0
want 0 'top_k refused' "$spinney" chat --engine "$url" $fast -p 'x y z' --json
has 'takes no top_k, min_p and repeat_penalty, they are left out' err
has '"tokens_estimated":true' out 'counts without a usage are said to be ours'
has 'seeds score prefill truncation' out
unserve
serve short=1
printf '{"prompt":"same"}\n{"prompt":"same"}\n{"prompt":"same"}\n{"prompt":"other"}\n' > "$work/in"
want 0 'n, where it is ignored' chat --group 3 --json
[ "$(grep -c '"answer":"re: same"' "$work/out")" = 3 ]; ok $? 'is emulated'
[ "$(grep -c '^ask same' "$work/log")" = 3 ]; ok $? 'by requests of one'
unserve
serve
want 0 'n, where it is taken' chat --group 3 --json
[ "$(grep -c '^ask same' "$work/log")" = 1 ]; ok $? 'is one request'
has '"answer":"re: same 2"' out 'each answer goes to its own record'
rm -f "$work/in"
unserve

# ---- keys ----
serve key=sesame
want 5 'no key' ask x
has 'status 401: bad key' err
SPINNEY_API_KEY=sesame; export SPINNEY_API_KEY
want 0 'the key of the environment' ask x
unset SPINNEY_API_KEY
echo sesame > "$work/key"; chmod 644 "$work/key"
want 2 'a key that others may read' ask x --key-file "$work/key"
has 'others may read this key, its mode is 644' err
chmod 600 "$work/key"
want 0 'the key of a file' ask x --key-file "$work/key"
printf 'http://other.example sorry\nhttp://127.0.0.1:%s sesame\n' "$port" > "$work/key"
want 0 'the key by address' ask x --key-file "$work/key"
unserve
serve
printf 'http://other.example sorry\n' > "$work/key"
want 0 'a key of another server' ask x --key-file "$work/key"
SPINNEY_API_KEY=secret; export SPINNEY_API_KEY
want 0 'a server that -m names' "$spinney" -q chat -m "$url" -p x
unset SPINNEY_API_KEY
hasnt 'key sent' log 'goes to no other one'
unserve

# ---- many at once ----
i=0
while [ $i -lt 200 ]; do
    [ $((i % 10)) -eq 3 ] && f='@429*1 ' || f=
    [ $((i % 10)) -eq 5 ] && f='@cut*1 '
    [ $((i % 50)) -eq 7 ] && f='@slow '
    echo "{\"id\":\"r$i\",\"prompt\":\"${f}number $i\"}"
    i=$((i + 1))
done > "$work/many"
serve gather=64
cp "$work/many" "$work/in"
want 0 '200 records, 64 at once' chat --parallel 64 --json
sed -n 's/.*"id":"\(r[0-9]*\)".*"answer":"re: number \([0-9]*\)".*/\1 r\2/p' "$work/out" |
    awk '$1 != $2 || $1 != "r" NR - 1 { bad = 1 } END { exit bad || NR != 200 }'
ok $? 'each answer has its id, in the order of the input'
[ "$(sed -n 's/^peak //p' "$work/log" | tail -n 1)" = 64 ]
ok $? '64 were under way at once'
unserve

# ---- a server that dies ----
serve die=90
cp "$work/many" "$work/in"
want 5 'the server is gone' chat --parallel 8 -o "$work/results.jsonl"
has "$url: connection refused, tried 3 times in " err
kept=$(wc -l < "$work/results.jsonl")
has "; $kept of 200 done, kept in $work/results.jsonl" err
has '  try: the same command with --resume' err
[ "$kept" -ge 80 ]; ok $? "what was answered is kept: $kept"
hasnt '"error"' results.jsonl 'no failure is kept as a result'
old=$port
sed -n 's/.*"id":"\(r[0-9]*\)".*/\1/p' "$work/results.jsonl" > "$work/first"
unserve
serve port="$old"
want 0 'the same command with --resume' chat --parallel 8 -o "$work/results.jsonl" --resume
sed -n 's/^done .*number /r/p' "$work/log" | sort > "$work/again"
sort "$work/first" | comm -12 - "$work/again" > "$work/twice"
[ ! -s "$work/twice" ]; ok $? 'nothing is asked for twice'
sed -n 's/.*"id":"\(r[0-9]*\)".*"answer":"re: number \([0-9]*\)".*/\1 r\2/p' "$work/results.jsonl" |
    awk '$1 != $2 || $1 != "r" NR - 1 { bad = 1 } END { exit bad || NR != 200 }'
ok $? 'the file is whole, in the order of the input'
unserve
rm -f "$work/in"
want 5 'no server at all' ask x --tries 2
has "$url: connection refused, tried 2 times in " err

# ---- wrong addresses ----
want 2 'a name and password in it' "$spinney" -q chat --engine http://me:pw@127.0.0.1:1/v1 -p x
want 2 'no address' "$spinney" -q chat --engine remote:parallel=3 -p x
has 'url=http://HOST:PORT/v1 is missing' err
want 2 'another protocol' "$spinney" -q chat --engine ftp://127.0.0.1/v1 -p x

# ---- TLS: a server whose certificate nobody vouches for is refused ----
if command -v openssl > /dev/null && openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" \
    -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null; then
    openssl s_server -accept 127.0.0.1:0 -key "$work/key.pem" -cert "$work/cert.pem" -www > "$work/tls" 2>&1 &
    server_pid=$!
    tries=0
    until port=$(sed -n 's/^ACCEPT.*:\([0-9][0-9]*\)$/\1/p' "$work/tls") && [ -n "$port" ] || [ $tries -eq 600 ]; do
        sleep 0.1; tries=$((tries + 1))
    done
    url=https://localhost:$port/v1
    want 5 'a certificate of its own' ask 'hello'
    has 'certificate' err 'it is said why'
    want 5 'vouched for by ca-file' "$spinney" -q chat --engine "remote:url=$url,ca-file=$work/cert.pem,first=2,tries=1" -p hello
    hasnt 'certificate' err 'the certificate is believed'
    want 5 'verify=no' "$spinney" -q chat --engine "remote:url=$url,verify=no,first=2,tries=1" -p hello
    hasnt 'certificate' err 'it is not looked at'
    unserve
else
    skip 'no openssl'
fi
done_testing
