#!/bin/sh
# Plugin files that are wrong in one way each: refused with both sides' numbers, and nothing of them is left.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"
bad=$SPINNEY_BUILDDIR/tests/app
[ -f "$bad/case_magic.la" ] || skip_all "plugins are linked in: no module to load"

want 0 "bad plugins do not stop the program" "$spinney" --plugin-dir "$bad" plugins
refused() {
    grep "^$1	refused" "$work/out" > "$work/row"
    grep -qF -e "$2" "$work/row"
    found=$?
    ok $found "$1: $2"
    [ "$found" -eq 0 ] || sed 's/^/# /' "$work/row"
}
refused case_magic "magic number 0x12345678, a spinney plugin has 0x53504e50"
refused case_size "descriptor of 16 bytes, this program takes "
refused case_major "built for plugin ABI 2.0, this program has 1.0"
refused case_minor "built for plugin ABI 1.1, this program has 1.0"
refused case_fingerprint ": built against other headers"
refused case_symbol "not a spinney plugin: no symbol case_symbol_LTX_spn_plugin"
refused case_unresolved "undefined symbol: spinney_nobody_defines_this"
refused case_name "the file is called case_name, its descriptor says somebody_else"
refused case_version "version is missing"
refused case_points "extension points 0x80000000, this program knows 0xfffff"
refused case_options "option n: default 3 is outside 1..2"
refused case_declare "declare failed (-5): the moon is full"
refused case_duplicate "command version is registered by spinney already"
refused case_unannounced "registers the task nothing, a point its descriptor does not name"
grep -q "^case_fine	loaded	command case_fine	" "$work/out"
ok $? "a good one among them is loaded"

want 2 "what a failed declare registered is gone" "$spinney" --plugin-dir "$bad" left_behind
has "plugin refused: $bad/case_magic" err "another command says which were refused"
want 2 "--quiet does not" "$spinney" --quiet --plugin-dir "$bad" left_behind
hasnt "plugin refused" err "nothing about plugins with --quiet"
want 0 "its command runs" "$spinney" --quiet --plugin-dir "$bad" case_fine
want 1 "selftest names the refused ones" "$spinney" --quiet --plugin-dir "$bad" selftest
has "not ok" out

want 3 "a folder that is not there" "$spinney" --plugin-dir "$work/none" version
has "$work/none: no such folder of plugins" err
mkdir "$work/p" && : > "$work/p/empty.so" && cp "$work/err" "$work/p/text.la"
want 0 "files that are no modules" "$spinney" --plugin-dir "$work/p" plugins
refused empty "empty.so: "
refused text "text.la: "

# A file found earlier shadows one of the same name.
so=$bad/.libs/case_fine.so
mkdir "$work/a" "$work/b" && cp "$so" "$work/a/" && cp "$so" "$work/b/"
want 0 "two of one name" "$spinney" --plugin-dir "$work/a" --plugin-dir "$work/b" plugins
has "case_fine.so: shadowed by $work/a/case_fine.so, found first" out
SPINNEY_PLUGIN_PATH=$work/a:$work/b; export SPINNEY_PLUGIN_PATH
want 0 "SPINNEY_PLUGIN_PATH is searched" "$spinney" -q case_fine
unset SPINNEY_PLUGIN_PATH
mkdir -p "$HOME/.local/share/spinney/plugins" && cp "$so" "$HOME/.local/share/spinney/plugins/"
want 0 "the user's folder is searched" "$spinney" -q case_fine
rm -r "$HOME/.local/share/spinney"

want 0 "a plugin with two reasoners" "$spinney" -q plugins rewoo
has "options of reasoner react" out
[ "$(grep -c "^options of" "$work/out")" -eq 2 ] && [ "$(grep -c "evidence=" "$work/out")" -eq 2 ]
ok $? "each table stands once, under whose it is"

if [ "$(id -u)" -eq 0 ]; then
    chmod o+w "$work/a"
    want 0 "root and a folder all may write to" "$spinney" --plugin-dir "$work/a" plugins
    refused case_fine "not loaded as root: all may write to $work/a"
else
    skip "only root refuses folders that all may write to"
    skip "and says so"
fi
done_testing
