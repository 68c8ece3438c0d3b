# Completion of kubectl-rollout_plus for bash: source <(kubectl-rollout_plus completion bash)
_kubectl_rollout_plus() {
    local words=() word description files=no
    # bash takes the = of --flag=value for a word.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        [[ $word == '=' ]] || words+=("$word")
    done
    [[ ${COMP_WORDS[COMP_CWORD]} != '=' ]] || words+=('')
    COMPREPLY=()
    while IFS=$'\t' read -r word description; do
        case $word in
            :0) files=yes ;;
            :*) ;;
            *) [[ $word != "${words[-1]}"* ]] || COMPREPLY+=("$word") ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
    [[ $files == no ]] || compopt -o default 2>/dev/null
}
complete -F _kubectl_rollout_plus kubectl-rollout_plus
