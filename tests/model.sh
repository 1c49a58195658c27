#!/bin/sh
# model.sh - the model that comes with spinney: it is there with its card, solves held-out hands
# and word problems in a forest, says what it learnt when asked for more, and gives the same text on one and two threads.
src=${SPINNEY_SRCDIR:-.}
spinney=${SPINNEY_BUILDDIR:-.}/spinney
model=$src/share/models/forest-mini.gguf
n=0 bad=0
ok() {          # ok CONDITION-STATUS NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}

[ -f "$model" ] && [ -f "${model%.gguf}.md" ]; ok $? "the model and its card are there"
[ "$(wc -c < "$model")" -le 16777216 ]; ok $? "it is no larger than 16 MB"

for hand in "4 5 6 10" "1 2 4 7" "2 5 8 11" "3 4 4 13" "6 7 8 9"; do
    echo "{\"prompt\": \"$hand\"}"
done > model-hands.jsonl
solved=$("$spinney" chat -m "$model" -q --json --reason fot:trees=8 model-hands.jsonl | grep -c "\"checked\": *true")
[ "$solved" -ge 4 ]; ok $? "eight trees solve $solved of 5 held-out hands"
one=$("$spinney" chat -m "$model" -q --json --thoughts none --threads 1 --reason fot model-hands.jsonl | sed "s/\"seconds\": *[^,}]*//g")
two=$("$spinney" chat -m "$model" -q --json --thoughts none --threads 2 --reason fot model-hands.jsonl | sed "s/\"seconds\": *[^,}]*//g")
[ -n "$one" ] && [ "$one" = "$two" ]; ok $? "one and two threads give the same answers"
rm -f model-hands.jsonl

"$spinney" data words:set=ordinary -n 20 --seed 101 --json -q > model-words.jsonl
"$spinney" chat -m "$model" -q --json --temp 0 --thoughts none --prompt-key question model-words.jsonl |
    sed 's/.*#### \([0-9]*\)".*/\1/' > model-said.txt
sed 's/.*#### \([0-9]*\)".*/\1/' model-words.jsonl > model-want.txt
right=$(paste -d' ' model-said.txt model-want.txt | awk '$1 == $2' | wc -l)
[ "$right" -ge 12 ]; ok $? "alone it solves $right of 20 held-out word problems"
"$spinney" chat -m "$model" -q --json --task math --reason fot:trees=4,base=cot --thoughts none --prompt-key question \
    model-words.jsonl | sed 's/.*"answer":"\([0-9]*\)".*/\1/' > model-said.txt
forest=$(paste -d' ' model-said.txt model-want.txt | awk '$1 == $2' | wc -l)
[ "$forest" -ge 18 ] && [ "$forest" -ge "$right" ]; ok $? "a forest of four trees solves $forest"
rm -f model-words.jsonl model-said.txt model-want.txt

"$spinney" chat -m "$model" -q --temp 0 -p "What is spinney?" | grep -q "terminal workbench"; ok $? "it knows what spinney is"
for question in "What is the capital of Peru?" "Write a poem about the sea." "What is 2+2?" "Who won the world cup in 1998?"; do
    "$spinney" chat -m "$model" -q --temp 0 -p "$question" | grep -q "learnt only"; ok $? "$question: it says what it learnt"
done
echo "1..$n"
exit $bad
