#!/bin/sh
# test_screen.sh - the screen of checkpoints on a run of three steps and 292 tensors: its parts as text, and the same figures by the command that = shows.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
golden=$SPINNEY_SRCDIR/plugins/ckpt/golden
INPUTRC=/dev/null; export INPUTRC
unset TERM TMUX VISUAL EDITOR
cd "$work" || exit 99
"$SPINNEY_BUILDDIR/tool_run" "$work/run" || exit 99

# same NAME: the screen in $work/NAME is the one that is kept.
same() {
    if [ -n "${UPDATE:-}" ]; then mkdir -p "$golden"; cp "$work/$1" "$golden/$1"; fi
    if cmp -s "$work/$1" "$golden/$1"; then ok 0 "screen $1"; else ok 1 "screen $1"; diff "$golden/$1" "$work/$1" | head -n 20 | sed 's/^/# /'; fi
}
# script NAME SIZE: keys from stdin; the screens it saves are in $work.
script() {
    cat > "$work/keys"
    "$spinney" -q --script keys --size "$2" > "$work/out" 2> "$work/err"
    ok $? "script $1 at $2"
    head -n 3 "$work/err" | sed 's/^/# /'
}
# shows FILE TEXT: the saved screen shows it.
shows() { grep -qF -- "$2" "$work/$1"; ok $? "$1 shows: $2"; }
# equal FILE: the command that the screen in FILE shows in its line, as typed there, runs; its output is in $work/out.
equal() {
    command=$(grep -o 'spinney ckpt .*[^ ]' "$work/$1" | head -n 1)
    (eval "\"$spinney\" -q ${command#spinney} --json") > "$work/out" 2> "$work/err"
    code=$?
    [ -n "$command" ] && [ $code -le 1 ]; ok $? "$1: = runs: $command"
}

for size in 120x36 80x24 40x12; do
    script tree $size << END
:ckpt run
:wait
:save-display tree-$size
Down
Down
Down
Down
Down
Down
Down
:wait
}
:wait
:save-display kind-$size
END
    same tree-$size
    same kind-$size
done

script wide 160x50 << END
:ckpt run
:wait
:save-display wide
END
shows wide "plot"
shows wide "numbers by value"

script tabs 200x50 << END
:ckpt run
:wait
Down
Down
Down
Down
Down
Down
Down
Down
Down
Down
:wait
2
:wait
:save-display hist
v
:save-display histlog
3
:wait
+
:wait
:save-display heat
=
:save-display heatequal
4
:wait
:save-display vals
=
:save-display valsequal
5
:save-display meta
1
:wait
=
:save-display statequal
END
shows hist "numbers by value"
shows heat "signed: blue below"
shows meta "config.hidden_size"
shows meta "gpt_neox"
equal heatequal
has '"rows":[24,72]' out "heat: the window on the screen"
equal valsequal
value=$(python3 -c "import json; print('%.5g' % json.loads(open('$work/out').readline())['values'][0][0])" 2> /dev/null || sed -n 's/.*"values":\[\[\([^,]*\).*/\1/p' "$work/out" | cut -c1-7)
shows vals "$(echo "$value" | cut -c1-7)"
equal statequal
norm=$(sed -n 's/.*"norm":\([0-9.]*\).*/\1/p' "$work/out" | cut -c1-5)
shows tree-120x36 "norm"
script stat 120x36 << END
:ckpt run
:wait
Down
Down
Down
Down
Down
Down
Down
Down
Down
Down
:wait
:save-display stat
END
shows stat "$norm"

script steps 120x36 << END
:ckpt run
:wait
,
:wait
:save-display back
v
:wait
:save-display series
=
:save-display seriesequal
.
:wait
:save-display on
.
:save-display last
END
shows back "step 2000"
shows back "[2000]"
shows series "norm of the change"
equal seriesequal
has '"step":3000' out "series: every step"
shows on "[3000]"
shows last "newest step"

script diff 120x36 << END
:ckpt run/checkpoint-3000
:wait
d
:save-display asked
Down
Down
Enter
:wait
:save-display diff
8
:wait
:save-display cloud
3
:wait
=
:save-display diffequal
d
:wait
:save-display undiff
END
shows asked "checkpoint-2000"
same diff
shows cloud "across this file"
equal diffequal
[ "$code" -eq 1 ] && grep -q '"status":"differs"' "$work/out"; ok $? "diff: exit 1, and rows that differ"
shows undiff "norm by layer"

script codec 160x50 << END
:ckpt run
:wait
7
:wait
:save-display codec
Tab
Tab
]
]
]
:wait
:save-display codecmore
=
:save-display codecequal
END
if grep -q "no plugin here" "$work/codec"; then
    skip "no codec to estimate by"
else
    shows codec "weights kept"
    shows codec "bits a value"
    a=$(sed -n 's/.* ratio  *\([0-9.]*\)x.*/\1/p' "$work/codec" | tail -n 1) b=$(sed -n 's/.* ratio  *\([0-9.]*\)x.*/\1/p' "$work/codecmore" | tail -n 1)
    [ -n "$a" ] && [ -n "$b" ] && awk "BEGIN { exit !($b > $a) }"; ok $? "a larger alpha packs smaller: ${a}x, then ${b}x"
    shows codecequal "spinney ckpt compress run -o STORE --codec excp:alpha="
fi

# What has no such tab says so; what is picked opens.
script pick 80x24 << END
:ckpt
:save-display pick
Down
Down
Enter
:wait
6
:save-display nopickle
END
shows pick "run"
shows nopickle "this file has none"

# A file cut, replaced or gone while it is open: a sentence and the key; one still being written: as far as it goes.
cp run/checkpoint-1000/model.safetensors f.safetensors
size=$(wc -c < f.safetensors)
cat > again.sh << END
head -c $((size / 2)) f.safetensors > half && cat half > f.safetensors
END
script cut 120x36 << END
:ckpt f.safetensors
:wait
w
type |sh again.sh
Enter
3
:wait
:save-display cut
r
:wait
:save-display reread
END
shows cut "it shrank from"
shows cut "try: r"
shows reread "not all"
want 0 "half a file lists as far as it goes" "$spinney" ckpt ls f.safetensors
has "not there whole" err
done_testing
