#compdef kubectl-rollout_plus
# Completion of kubectl-rollout_plus for zsh: source <(kubectl-rollout_plus completion zsh)
_kubectl_rollout_plus() {
    local line word description files=no
    local -a found
    while IFS= read -r line; do
        word=${line%%$'\t'*} description=${line#*$'\t'}
        [[ $line == *$'\t'* ]] || description=''
        case $word in
            :0) files=yes ;;
            :*) ;;
            *) found+=("${word//:/\\:}:$description") ;;
        esac
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    # Of --flag=value the value alone is completed.
    compset -P '--*='
    if [[ $files == yes ]]; then _files; else _describe -V 'rollout-plus' found; fi
}
compdef _kubectl_rollout_plus kubectl-rollout_plus
