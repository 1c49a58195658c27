#!/bin/sh
# test_perplexity.sh - the figure over pieces of a text.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
model=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
ppl() { "$spinney" -q perplexity -m "$model" "$@"; }
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$work/out"; }

for _ in 1 2 3 4 5 6 7 8; do
    printf 'Tom has 3 bags of 14 apples and gives half of them away. How many are left?\n3 * 14 = 42\n42 / 2 = 21\n#### 21\n\n'
done > "$work/text"
want 0 "a file" ppl --window 64 "$work/text" --json
pieces=$(field pieces)
[ "$pieces" -ge 4 ] && [ "$(field tokens)" -eq $((pieces * 31)) ]; ok $? "the second half of each piece counts"
whole=$(field perplexity)
cp "$work/text" "$work/in"
want 0 "stdin" ppl --window 64 --json
[ "$(field perplexity)" = "$whole" ]; ok $? "gives the same"
want 0 "some of it" ppl --window 64 --pieces 2 --json
[ "$(field pieces) $(field tokens)" = '2 62' ]; ok $? "two pieces"
want 0 "as text" ppl --window 64
has "over $((pieces * 31)) tokens, $pieces pieces of 64" out
want 0 "threads" ppl --window 64 --threads 1 --json
[ "$(field perplexity)" = "$whole" ]; ok $? "do not change it"
printf 'short' > "$work/in"
want 3 "less than a piece" ppl
has "are less than a piece of 512" err
want 2 "a piece longer than the context" ppl --window 513
has "the model takes 512" err
want 3 "no such file" ppl "$work/none"
done_testing
