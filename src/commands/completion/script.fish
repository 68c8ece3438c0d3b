# Completion of kubectl-rollout_plus for fish: kubectl-rollout_plus completion fish | source
function __kubectl_rollout_plus
    # In quotes, as nothing at all would be no word.
    set -l last (commandline -ct)
    set -l words (commandline -opc) "$last"
    set -l flag (string match -r -- '^--[^=]*=' "$last")
    for line in ($words[1] __complete $words[2..] 2>/dev/null)
        switch $line
            case ':0'
                __fish_complete_path (string replace -r -- '^--[^=]*=' '' "$last")
            case ':*'
            case '*'
                echo -- "$flag$line"
        end
    end
end
complete -c kubectl-rollout_plus -f -a '(__kubectl_rollout_plus)'
