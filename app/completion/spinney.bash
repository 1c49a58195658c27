# bash completion of spinney; the words come from the program's own tables.
_spinney_words() {
    spinney -q help --words "$@" 2> /dev/null | cut -f1
}

_spinney() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' words='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    if [ -z "$command" ]; then
        words=$(_spinney_words)
    elif [[ $before == --* ]]; then
        words=$(_spinney_words "$command" --value-of "${before#--}")
    fi
    if [ -n "$command" ] && [[ $current == -* || -z $words ]]; then
        words=$(_spinney_words "$command")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [ ${#COMPREPLY[@]} -eq 0 ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -o filenames -F _spinney spinney
