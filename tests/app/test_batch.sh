#!/bin/sh
# Batch mode with the plugin tests/app/echo.c: records in, results out in order, --resume, --shard, choices, signals.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"
[ -f "$good/echo.la" ] || skip_all "plugins are linked in: no module to load"
echo_cmd() { "$spinney" -q --plugin-dir "$good" echo "$@"; }

# ---- one prompt, attached text, JSON Lines ----
printf 'two\nlines\n' > "$work/in"
want 0 "stdin is one prompt" echo_cmd
out_is "<two
lines>" "its last newline is not part of it"
want 0 "-p attaches stdin" echo_cmd -p ask
out_is "<ask

two
lines>" "below the prompt"
: > "$work/in"
want 0 "-p with an empty stdin" echo_cmd -p ask
out_is "<ask>" "is the prompt alone"
want 0 "nothing in, nothing out" echo_cmd
[ ! -s "$work/out" ]
ok $? "no record, no result"

cat > "$work/in" <<'END'
{"prompt": "a", "id": "x"}
{"prompt": "b", "id": 7}

{"messages": [], "id": null}
{"prompt": "fail", "id": "y"}
{"prompt": "broken
{"other": 1}
{"prompt": 3}
[1]
{"prompt": "c", "id": [1]}
{"prompt": "d", "prompt": "e"}
{"prompt": "last"}
END
want 1 "bad records do not stop the others" echo_cmd --json
cp "$work/in" "$work/records"
cat > "$work/keys" <<'END'
x 0 -
7 1 -
null 2 -
y 3 3
null 4 3
null 5 3
null 6 3
null 7 3
list 8 3
null 9 3
null 10 -
END
sed -e 's/"id":\[1\]/"id":"list"/' -e 's/.*"id":"\{0,1\}\([a-z0-9]*\)"\{0,1\}.*"code":\([0-9]*\),"index":\([0-9]*\).*/\1 \3 \2/' \
    -e 's/.*"id":"\{0,1\}\([a-z0-9]*\)"\{0,1\},"index":\([0-9]*\).*/\1 \2 -/' "$work/out" > "$work/got"
cmp -s "$work/got" "$work/keys"
ok $? "one line a record, in order, with id, index and code"
has 'stdin:6:' out "a malformed line is named by its number"
has '"prompt\" is not a string' out
has 'id is neither a string nor a whole number' out
has 'duplicate object key' out
[ ! -s "$work/err" ]
ok $? "with --json nothing of it goes to stderr"
want 1 "text mode says failures on stderr" echo_cmd
has "spinney: record 3: told to fail" err

printf '{"q": "asked"}\n' > "$work/in"
want 0 "--prompt-key" echo_cmd --prompt-key q
out_is "<asked>" "names the prompt"
printf '{"colour": "red"}\n' > "$work/in"
want 0 "an object without a prompt is a text" echo_cmd
out_is '<{"colour": "red"}>' "and is kept as it is"
printf 'bad \377 byte' > "$work/in"
want 1 "a prompt that is not UTF-8" echo_cmd
has "stdin: the prompt is not UTF-8 text" err
head -c 17000000 /dev/zero | tr '\0' ' ' > "$work/long"
{ printf '{"prompt": "first"}\n{"prompt": "'; cat "$work/long"; printf '"}\n{"prompt": "after"}\n'; } > "$work/in"
want 1 "a line past 16 MiB" echo_cmd
out_is "<first>
<after>" "is refused, the next one is read"
has "stdin:2: a line of more than 16777216 bytes" err
rm "$work/in" "$work/long"

# ---- files, lists, shards ----
printf '{"prompt": "f1"}\n{"prompt": "f2"}\n' > "$work/a.jsonl"
printf 'text' > "$work/b b.txt"
want 0 "files in order" echo_cmd "$work/a.jsonl" "$work/b b.txt"
out_is "<f1>
<f2>
<text>" "JSON Lines and text"
printf '%s\n%s\n' "$work/a.jsonl" "$work/b b.txt" > "$work/list"
want 0 "--files-from" echo_cmd --files-from "$work/list"
out_is "<f1>
<f2>
<text>" "reads the list"
tr '\n' '\0' < "$work/list" > "$work/in"
want 0 "-0 and --files-from -" echo_cmd -0 --files-from -
out_is "<f1>
<f2>
<text>" "reads a list that ends names with NUL"
rm "$work/in"
want 3 "a file that is not there" echo_cmd "$work/none"
has "$work/none: No such file" err
seq 0 9 | sed 's/.*/{"prompt": "&"}/' > "$work/in"
want 0 "--shard 1/3" echo_cmd --shard 1/3
out_is "<1>
<4>
<7>" "takes the records whose index is 1 modulo 3"
for bad in 3/3 -1/3 1/0 1 1/ /3 1/3x x; do
    want 2 "--shard $bad is refused" echo_cmd "--shard=$bad"
done

# ---- a file that is gone on with ----
out=$work/results.jsonl
want 0 "-o FILE" echo_cmd -o "$out" --loud --shard 0/2
[ ! -s "$work/out" ] && [ "$(wc -l < "$out")" -eq 5 ]
ok $? "results go to the file, nothing to stdout"
want 2 "a file that is there is not written over" echo_cmd -o "$out" --loud
has "is there already" err
has "  try: the same command with --resume" err
want 2 "other options are refused" echo_cmd -o "$out" --resume
has 'written by "echo loud=on", this run is "echo"' err
want 0 "--resume goes on" echo_cmd -o "$out" --resume --loud
[ "$(wc -l < "$out")" -eq 10 ] && [ "$(grep -o '"index":[0-9]*' "$out" | sort -u | wc -l)" -eq 10 ]
ok $? "each record is there once"
cp "$out" "$work/whole"
head -c -20 "$work/whole" > "$out"
want 0 "a half line" echo_cmd -o "$out" --resume --loud
cmp -s "$out" "$work/whole"
ok $? "is cut and made again"
want 0 "nothing left to do" echo_cmd -o "$out" --resume --loud
cmp -s "$out" "$work/whole"
ok $? "changes nothing"
printf 'not a result\n' >> "$out"
want 3 "a line that is no result" echo_cmd -o "$out" --resume --loud
has "$out:11: not a result of spinney" err
want 2 "--resume without -o" echo_cmd --resume
cp "$work/records" "$work/in"
want 1 "failures are results" echo_cmd -o "$work/f.jsonl"
cp "$work/f.jsonl" "$work/whole"
want 1 "--resume keeps them" echo_cmd -o "$work/f.jsonl" --resume
cmp -s "$work/f.jsonl" "$work/whole"
ok $? "and makes none twice"
printf '{"prompt":"a","id":"same"}\n{"prompt":"b","id":"same"}\n{"prompt":"c","id":"same"}\n' > "$work/in"
want 0 "one id three times" echo_cmd -o "$work/d.jsonl"
head -n 2 "$work/d.jsonl" > "$work/e.jsonl"
want 0 "counted off one by one" echo_cmd -o "$work/e.jsonl" --resume
cmp -s "$work/d.jsonl" "$work/e.jsonl"
ok $? "in order"

seq 0 9 | sed 's/.*/{"prompt": "&"}/' > "$work/in"
"$spinney" -q --plugin-dir "$good" echo -o "$work/slow.jsonl" --sleep-ms 300 < "$work/in" > /dev/null 2>&1 &
pid=$!
for i in $(seq 100); do
    [ -s "$work/slow.jsonl" ] && break
    sleep 0.1
done
want 5 "a file another process writes to" echo_cmd -o "$work/slow.jsonl" --resume --sleep-ms 300
has "another process writes to it" err
kill -KILL "$pid"
wait "$pid" 2> /dev/null
want 0 "after SIGKILL the run goes on" echo_cmd -o "$work/slow.jsonl" --resume --sleep-ms 300
[ "$(wc -l < "$work/slow.jsonl")" -eq 10 ]
ok $? "to all ten results"

# ---- options ----
rm "$work/in"
want 0 "a flag that is on can be cleared" echo_cmd -p x --no-fence
out_is "x" "--no-fence"
want 0 "exact numbers" echo_cmd -p x --json --scale 0.3
has '"scale":0.3,' out "0.3 is written as 0.3"

want 0 "a choice with its options" echo_cmd -p x --json --reason grove:trees=4,stop=no
has '"reason":"grove:trees=4,stop=no"' out
want 0 "short forms beside the choice" echo_cmd -p x --json --trees 4 --reason grove --no-fence --note=a,b
has '"reason":"grove:trees=4,note=a' out "join it, wherever they stand"
want 2 "without the choice they are unknown" echo_cmd -p x --trees 4
has "--trees: echo has no such option" err
want 2 "a value outside its range" echo_cmd -p x --reason grove:trees=65
has "--reason grove: trees: 65 is outside 1..64" err
want 2 "a key that is not there" echo_cmd -p x --reason grove:tres=6
has "try: --reason grove:trees" err
want 2 "a reasoner that is not there" echo_cmd -p x --reason grvoe
has "try: --reason grove" err
want 2 "an option that is not there" echo_cmd --laud
has "  try: spinney echo --loud" err
[ "$(wc -l < "$work/err")" -eq 2 ]
ok $? "a usage error is two lines"
want 2 "a value is missing" echo_cmd --scale
want 2 "a number is none" echo_cmd --scale=x -p y
want 2 "an unknown letter" echo_cmd -z
want 0 "letters together" echo_cmd -qp x
out_is "<x>" "the last takes the value"
want 0 "-- ends options" "$spinney" -q --plugin-dir "$good" echo -p x --
mkdir -p "$HOME/.config/spinney"
printf '# mine\necho.loud = yes\nfence = no\n' > "$HOME/.config/spinney/spinneyrc"
want 0 "spinneyrc sets an option of a command" echo_cmd -p x
out_is "<X>" "but not one without the command's name"
want 0 "the command line wins" echo_cmd -p x --no-loud
out_is "<x>" "over spinneyrc"
printf 'echo.scale = 99\n' > "$HOME/.config/spinney/spinneyrc"
want 2 "a bad setting" echo_cmd -p x
has "spinneyrc:1: echo.scale: scale: 99 is outside 0..10" err
printf 'nonsense\n' > "$HOME/.config/spinney/spinneyrc"
want 3 "a line that is no setting" echo_cmd -p x
has "spinneyrc:1:" err
rm "$HOME/.config/spinney/spinneyrc"

# ---- signals, crashes, outputs that fail ----
seq 0 99 | sed 's/.*/{"prompt": "&"}/' > "$work/in"
# A job of a shell without job control ignores SIGINT: env gives it its default again.
for signal in INT:130 TERM:143; do
    env --default-signal=INT "$SPINNEY_BUILDDIR/spinney" -q --plugin-dir "$good" echo --sleep-ms 100 \
        < "$work/in" > "$work/out" 2> "$work/err" &
    pid=$!
    for i in $(seq 100); do
        grep -q "<0>" "$work/out" && break
        sleep 0.1
    done
    kill -"${signal%:*}" "$pid"
    wait "$pid"
    [ $? -eq "${signal#*:}" ]
    ok $? "SIG${signal%:*} stops with ${signal#*:}"
    has "<0>" out "and keeps what there is"
    has "spinney: stopped" err
done
echo_cmd < "$work/in" > /dev/full 2> "$work/err"
ok $(( $? != 5 )) "a full disk is exit 5"
has "stdout: No space left" err
echo_cmd < "$work/in" >&- 2> "$work/err"
ok $(( $? != 5 )) "a closed stdout is exit 5"
# More than a pipe holds, so that the writer is still there when the reader leaves.
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "{\"prompt\":\"%d is a number among many\"}\n", i }' > "$work/many"
(echo_cmd < "$work/many"; echo $? > "$work/code") 2> "$work/err" | head -n 1 > /dev/null
[ "$(cat "$work/code")" -eq 141 ] && [ ! -s "$work/err" ]
ok $? "a reader that is gone ends the program quietly (SIGPIPE)"
if nm -D "$SPINNEY_BUILDDIR/.libs/spinney" 2> /dev/null | grep -q __asan; then
    skip "a sanitizer reports crashes itself"
    skip "the same"
else
    printf 'crash' > "$work/in"
    want 139 "a crash ends by its signal" sh -c '"$@"; exit $?' sh "$spinney" -q --plugin-dir "$good" echo
    has "spinney: echo: crashed (SIGSEGV)" err "and names the plugin that ran"
fi
done_testing
