#!/bin/sh
# One option table gives parser, --help, manual page and completion: compared here, and each line of EXAMPLES is run.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"

want 0 "the words of completion" "$spinney" -q help --words
cut -f1 "$work/out" > "$work/commands"
[ "$(wc -l < "$work/commands")" -ge 7 ]
ok $? "name every command"

while read -r c; do
    want 0 "$c --help" "$spinney" -q "$c" --help
    cp "$work/out" "$work/help"
    [ ! -s "$work/err" ]
    ok $? "$c --help writes nothing to stderr"
    "$spinney" -q help --words "$c" > "$work/words"
    # An option of a choice has no line of its own in help: it stands there as KEY=.
    cut -f1 "$work/words" | grep '^-' | grep -v '^--no-' > "$work/named"
    missing=
    while read -r o; do
        key=${o#--}
        grep -q -e "^ *\(-., \)\{0,1\}$o[ =]" -e "^ *$o, " -e "^  $key=" "$work/help" || missing="$missing $o"
    done < "$work/named"
    [ -z "$missing" ]
    ok $? "$c --help has every option that completion has$missing"
    page=$SPINNEY_SRCDIR/man/spinney-$c.1
    "$spinney" -q help --man "$c" > "$work/page"
    if [ -f "$page" ]; then
        cmp -s "$page" "$work/page"
        ok $? "the manual page of $c is what its table says (tests/app/update-man mends it)"
        [ -s "$work/help" ] && grep -q "^.B.*\\\\-\\\\-json" "$page"
        ok $? "the manual page of $c lists the common options"
    else
        ok 1 "man/spinney-$c.1 is there"
    fi
done < "$work/commands"

for page in "$SPINNEY_SRCDIR"/man/*.[1-8]; do
    name=$(basename "$page")
    if command -v man > /dev/null 2>&1 && command -v groff > /dev/null 2>&1; then
        groff -man -ww -Tutf8 -z "$page" 2> "$work/err" > /dev/null
        [ ! -s "$work/err" ]
        ok $? "$name has no warning of groff"
    else
        skip "groff is not installed"
    fi
done
grep -q '^\.SH EXAMPLES' "$SPINNEY_SRCDIR/man/spinney.1"
ok $? "spinney.1 has examples"
while read -r c; do
    grep -q "spinney\\\\-$c" "$SPINNEY_SRCDIR/man/spinney.1"
    ok $? "spinney.1 names $c"
done < "$work/commands"

# Completion scripts: the shells' own syntax check, and what bash offers.
for f in spinney.bash spinney.zsh spinney.fish; do
    shell=${f#spinney.}
    if command -v "$shell" > /dev/null 2>&1; then
        "$shell" -n "$SPINNEY_SRCDIR/app/completion/$f" 2> "$work/err"
        ok $? "$f is good $shell"
    else
        skip "$shell is not installed"
    fi
done
if command -v bash > /dev/null 2>&1; then
    cat > "$work/complete" <<'END'
. "$SPINNEY_SRCDIR/app/completion/spinney.bash"
spinney() { "$SPINNEY_BUILDDIR/spinney" "$@"; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_spinney
printf '%s\n' "${COMPREPLY[@]}"
END
    bash "$work/complete" spinney pa > "$work/out"
    out_is "papers" "bash completes a command"
    bash "$work/complete" spinney papers --ch > "$work/out"
    out_is "--check" "bash completes an option"
else
    skip "bash is not installed"
    skip "bash is not installed at all"
fi

# Each line of EXAMPLES, of the tables and of spinney(1). Those that want a model wait for one; what they write goes below $work.
{
    while read -r c; do
        "$spinney" -q help "$c" | sed -n '/^examples$/,$p' | sed 1d
    done < "$work/commands"
    sed -n '/^\.SH EXAMPLES/,/^\.fi/p' "$SPINNEY_SRCDIR/man/spinney.1" | grep -v '^\.' | sed 's/\\-/-/g'
} | sed "s|/tmp/|$work/|g" > "$work/examples"
[ "$(wc -l < "$work/examples")" -ge 20 ]
ok $? "there are examples to run"
while IFS= read -r line; do
    [ -n "$line" ] || continue
    case $line in
    *forest-mini*|*chat*|*bench*|*train*|*tokenize*|*logits*)
        if [ ! -f "$SPINNEY_SRCDIR/share/models/forest-mini.gguf" ]; then
            skip "no model yet for: $line"
            continue
        fi ;;
    spinney\ seg*)
        if ! "$spinney" doctor 2> /dev/null | grep '^spn_media' | grep -qw ok; then
            skip "this build reads no pictures: $line"
            continue
        fi ;;
    esac
    PATH=$SPINNEY_BUILDDIR:$PATH sh -c "cd '$SPINNEY_SRCDIR' && $line" < /dev/null > "$work/out" 2> "$work/err"
    code=$?
    [ "$code" -eq 0 ]
    ok $? "example: $line"
    [ "$code" -eq 0 ] || sed 's/^/# /' "$work/err"
done < "$work/examples"
done_testing
