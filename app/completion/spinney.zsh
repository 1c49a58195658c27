#compdef spinney
# zsh completion of spinney; the words come from the program's own tables.
local -a words_of lines
local command= w
for w in ${words[2,CURRENT-1]}; do
    case $w in
    -*) ;;
    *) command=$w; break ;;
    esac
done
if [[ -z $command ]]; then
    lines=(${(f)"$(spinney -q help --words 2> /dev/null)"})
elif [[ ${words[CURRENT-1]} == --* && ${words[CURRENT]} != -* ]]; then
    lines=(${(f)"$(spinney -q help --words $command --value-of ${words[CURRENT-1]#--} 2> /dev/null)"})
else
    lines=(${(f)"$(spinney -q help --words $command 2> /dev/null)"})
fi
for w in $lines; do
    words_of+=("${${w%%$'\t'*}//:/\\:}:${w#*$'\t'}")
done
_describe -V spinney words_of || _files
