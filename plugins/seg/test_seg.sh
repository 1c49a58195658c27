#!/bin/sh
# test_seg.sh - `spinney seg` as a user runs it: masks in, classes, files and scores out.
spinney=${SPINNEY_BUILDDIR:-.}/spinney
n=0 bad=0
ok() {          # ok STATUS NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}
if ! "$spinney" doctor 2> /dev/null | grep '^spn_media' | grep -qw ok; then
    echo "1..0 # SKIP this build reads no pictures"
    exit 0
fi
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
run() { "$spinney" --dir "$dir/home" seg "$@" 2> "$dir/err"; }
# grey FILE VALUE...: a grey 3 x 2 picture with these values, in octal.
grey() { to=$1; shift; { printf 'P5\n3 2\n255\n'; for v; do printf "\\$v"; done; } > "$to"; }

mkdir "$dir/home" "$dir/in" "$dir/gt" "$dir/pred"
{ printf 'P6\n3 2\n255\n'; printf 'RGBRGBRGBrgbrgbrgb'; } > "$dir/in/a.ppm"
cp "$dir/in/a.ppm" "$dir/in/b.ppm"
grey "$dir/ids.pgm" 0 0 1 1 1 377
printf 'floor #102030\nwall #405060\n' > "$dir/list"

run "$dir/in/a.ppm" --pred "$dir/ids.pgm" --classes "$dir/list" > "$dir/out"
printf '%s\t3x2\n1\twall\t0.500000\n0\tfloor\t0.333333\n' "$dir/in/a.ppm" | cmp -s - "$dir/out"; ok $? "classes, largest first"
run "$dir/in/a.ppm" --json --pred "$dir/ids.pgm" --gt "$dir/ids.pgm" | grep -q '"miou": *1.0, *"agree": *1.0'; ok $? "a mask agrees with itself"

for format in palette png rle; do
    run "$dir/in/a.ppm" --pred "$dir/ids.pgm" --out "$dir/$format" --format $format > "$dir/first"
    again=$(ls "$dir/$format"/a.*)
    run "$dir/in/a.ppm" --pred "$again" > "$dir/second"
    [ -s "$dir/first" ] && cmp -s "$dir/first" "$dir/second"; ok $? "$format: what is written reads the same"
done
run "$dir/in/a.ppm" --pred "$dir/ids.pgm" --classes "$dir/list" --out "$dir/over" --format overlay --opacity 1 > /dev/null
run "$dir/in/a.ppm" --pred "$dir/over/a.png" --classes "$dir/list" | grep -q 'wall	0.500000'; ok $? "an opaque overlay has the colours of the list"
cp "$dir/palette/a.png" "$dir/in/a.png"
run "$dir/in/a.ppm" | grep -q 'class 1	0.5'; ok $? "the mask beside the picture is taken"
rm "$dir/in/a.png"

cp "$dir/palette/a.png" "$dir/pred/a.png"
cp "$dir/palette/a.png" "$dir/pred/b.png"
cp "$dir/palette/a.png" "$dir/gt/a.png"
grey "$dir/gt/b.pgm" 0 0 0 0 1 1
run eval --pred "$dir/pred" --gt "$dir/gt" --threads 2 > "$dir/eval2"; ok $? "folders are compared"
run eval --pred "$dir/pred" --gt "$dir/gt" --threads 1 | cmp -s - "$dir/eval2"; ok $? "one thread gives the same"
tail -n 1 "$dir/eval2" | grep -q '2 pairs'; ok $? "two pairs: $(tail -n 1 "$dir/eval2")"
rm "$dir/pred/b.png"
run eval --json --pred "$dir/pred" --gt "$dir/gt" > "$dir/out"; [ $? -eq 1 ] && grep -q '"error"' "$dir/out" && grep -q '"miou": *1.0' "$dir/out"
ok $? "a pair without a mask is named, the others count, exit 1"

run "$dir/in/a.ppm" > /dev/null; [ $? -eq 3 ] && grep -q 'no mask for it' "$dir/err"; ok $? "no mask: $(head -n 1 "$dir/err")"
head -c 20 "$dir/in/a.ppm" > "$dir/cut.ppm"
run "$dir/cut.ppm" --pred "$dir/ids.pgm" > /dev/null; [ $? -eq 3 ]; ok $? "cut short: $(head -n 1 "$dir/err")"
run "$dir/cut.ppm" "$dir/in/a.ppm" --pred "$dir/ids.pgm" > "$dir/out"; [ $? -eq 1 ] && grep -q 'class 1' "$dir/out"; ok $? "the others are still done"
printf '[{"category_id":1,"segmentation":{"size":[2,3],"counts":[9]}}]' > "$dir/bad.json"
run "$dir/in/a.ppm" --pred "$dir/bad.json" > /dev/null; [ $? -eq 3 ]; ok $? "bad runs: $(head -n 1 "$dir/err")"
printf '[1,' > "$dir/bad.json"
run "$dir/in/a.ppm" --pred "$dir/bad.json" > /dev/null; [ $? -eq 3 ]; ok $? "bad JSON: $(head -n 1 "$dir/err")"
run > /dev/null; [ $? -eq 2 ]; ok $? "no picture: $(head -n 1 "$dir/err")"
mkdir "$dir/in2" && cp "$dir/in/a.ppm" "$dir/in2"
run "$dir/in" "$dir/in2" --pred "$dir/ids.pgm" --out "$dir/o" > /dev/null; [ $? -eq 2 ]; ok $? "one name twice: $(head -n 1 "$dir/err")"
[ "$(run "$dir/in" --shard 1/2 --pred "$dir/ids.pgm" --json | grep -c b.ppm)" -eq 1 ]; ok $? "a shard takes its part"
run "$dir/in" --pred "$dir/ids.pgm" --out "$dir/palette" --resume --json > "$dir/out"
[ "$(wc -l < "$dir/out")" -eq 1 ]; ok $? "--resume leaves out what is there"
echo "1..$n"
exit $bad
