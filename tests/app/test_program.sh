#!/bin/sh
# The program without a plugin's help: usage, exit codes, files, places, its own commands.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"

want 2 "no command and no terminal" "$spinney"
[ ! -s "$work/out" ]
ok $? "usage goes to stderr"
has "usage: spinney" err
want 0 "--help" "$spinney" --help
has "usage: spinney" out
[ ! -s "$work/err" ]
ok $? "help goes to stdout"
want 0 "--version" "$spinney" --version
has "plugin ABI 1.0" out
has "spn_blas" out "it names the optional parts"
("$spinney" chat --help; echo $? > "$work/code") 2> "$work/err" | true
case $(cat "$work/code") in 0|141) ;; *) false ;; esac && [ ! -s "$work/err" ]
ok $? "help into a closed pipe says nothing"
want 2 "a command that is not there" "$spinney" doctro
has "spinney: doctro: no such command or file" err
has "  try: spinney doctor" err
want 2 "an option that is not there" "$spinney" doctor --jsno
has "  try: spinney doctor --json" err
want 2 "an argument too many" "$spinney" doctor x
want 2 "an option without a command" "$spinney" --json
want 2 "help of what is not there" "$spinney" help nothing
want 2 "an instruction set that is not there" env SPINNEY_ISA=sse9 "$spinney" version
want 0 "the plain one is always there" env SPINNEY_ISA=ref "$spinney" version
has "in use: ref" out
want 3 "a folder for --dir that is not there" "$spinney" --dir "$work/none" version
want 0 "--dir puts the user's folders in one place" "$spinney" --dir "$work" doctor
has "$work/config" out
want 0 "XDG_CONFIG_HOME" env XDG_CONFIG_HOME="$work/x" "$spinney" doctor
has "$work/x/spinney" out
want 0 "a relative one is ignored" env XDG_CONFIG_HOME=x "$spinney" doctor
has "$HOME/.config/spinney" out
want 0 "no HOME" env -u HOME "$spinney" doctor
has "none: HOME is not set" out

want 0 "papers" "$spinney" -q papers
[ "$(wc -l < "$work/out")" -eq 61 ]
ok $? "lists the 61 systems"
awk -F'\t' 'NF != 6 { exit 1 }' "$work/out"
ok $? "in six columns"
want 0 "papers --all" "$spinney" -q papers --all --json
[ "$(wc -l < "$work/out")" -eq 64 ]
ok $? "and the three methods they build on"
has '{"key":"kangaroo","title":"Kangaroo: Lossless Self-Speculative Decoding via Double Early Exiting","arxiv":"2404.18911","point":"decoder","plugin":null,"implemented":false' out
if [ -d "${SPINNEY_SHARED:-$SPINNEY_SRCDIR/../shared}/papers" ]; then
    ls "${SPINNEY_SHARED:-$SPINNEY_SRCDIR/../shared}/papers" | sed -n 's/\.md$//p' | grep -v -x -e README -e checkpoint-formats | sort > "$work/want"
    sed 's/.*"key":"\([^"]*\)".*/\1/' "$work/out" | sort > "$work/have"
    cmp -s "$work/want" "$work/have"
    ok $? "one for each digest"
else
    skip "the digests beside the project are not there"
fi
want 3 "a paper that is not there" "$spinney" papers nothing
want 0 "one paper" "$spinney" -q papers streamingllm
has "arXiv:2309.17453, kv_policy" out

want 0 "selftest core" "$spinney" -q selftest core
has "ok 1 - core" out
tail -n 1 "$work/out" | grep -q '^1\.\.'
ok $? "is TAP"
if command -v qemu-x86_64 > /dev/null 2>&1 && [ -x "$SPINNEY_BUILDDIR/.libs/spinney" ] &&
    ! nm -D "$SPINNEY_BUILDDIR/.libs/libspinney.so" 2> /dev/null | grep -q __asan; then
    for cpu in Nehalem Haswell; do
        want 0 "selftest on a $cpu" env LD_LIBRARY_PATH="$SPINNEY_BUILDDIR/.libs" \
            qemu-x86_64 -cpu $cpu "$SPINNEY_BUILDDIR/.libs/spinney" -q selftest core
        hasnt "avx512" out "has no AVX-512"
    done
else
    for i in 1 2 3 4; do skip "no qemu-x86_64 for this build"; done
fi
want 3 "a selftest of what is not there" "$spinney" -q selftest nothing

want 3 "a file that is not there" "$spinney" ./nothing
printf 'GGUF....' > "$work/m.gguf"
printf 'hello' > "$work/text"
want 3 "a file of another kind" "$spinney" "$work/text"
want 0 "doctor" "$spinney" -q doctor --json
grep -v '^{"name":"[^"]*","state":"\(ok\|off\|bad\)","value":".*"}$' "$work/out" > "$work/odd"
[ ! -s "$work/odd" ]
ok $? "is one object a line"

# Text from outside reaches a terminal only with control characters made visible.
if command -v script > /dev/null 2>&1; then
    script -qec "'$spinney' -q \"\$(printf 'a\033[31mb')\"" "$work/typescript" < /dev/null > "$work/out" 2>&1
    has 'a^[[31mb: no such command or file' out "an escape sequence is shown, not obeyed"
    script -qec "'$spinney' -q papers" "$work/typescript" < /dev/null > "$work/out" 2>&1
    has "KEY " out "a terminal gets columns with a head"
    rm -f "$work/typescript" # typed once its title is drawn
    { n=0; while [ $n -lt 600 ] && ! grep -q start "$work/typescript" 2> /dev/null; do sleep 0.1; n=$((n + 1)); done; printf "\017q"; } |
        TERM=xterm script -f -qec "'$spinney' -q" "$work/typescript" > "$work/out" 2>&1
    ok $? "spinney on a terminal opens the screens and ends with 0"
    has "spinney" out "and draws its name"
else
    for i in 1 2 3 4; do skip "script(1) is not installed"; done
fi
done_testing
