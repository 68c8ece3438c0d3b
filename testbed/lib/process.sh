# Long-running processes of one cluster: started detached, found again by pid AND start time, never by name.
#
# $state/processes/NAME/ holds: argv (NUL-separated, to start it again), identity (pid, start time, boot), log.

process_names() { # in the order in which they were first started
    [[ -f $state/processes/order ]] && cat "$state/processes/order"
    return 0
}

# A pid alone may belong to somebody else by now; with the start time and the boot it cannot.
start_time() { # PID
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The second field is the program's name in brackets and may hold spaces: count from its end.
    read -r -a stat <<<"${stat##*) }"
    [[ ${stat[0]} != [ZX] ]] || return 1
    printf '%s\n' "${stat[19]}"
}

pid_of() { # NAME: prints the pid if it is alive and ours
    local pid started boot
    { read -r pid started boot <"$state/processes/$1/identity"; } 2>/dev/null || return 1
    [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $started == "$(start_time "$pid")" ]] || return 1
    printf '%s\n' "$pid"
}

is_alive() { pid_of "$1" >/dev/null; }

define_process() { # NAME COMMAND...
    local folder=$state/processes/$1
    mkdir -p "$folder"
    printf '%s\0' "${@:2}" >"$folder/argv"
    process_names | grep -qx "$1" || printf '%s\n' "$1" >>"$state/processes/order"
}

# Starts a defined process: own session, no terminal, no descriptor of ours (a lock held by a daemon would never be free).
launch() { # NAME
    local folder=$state/processes/$1 argv pid
    mapfile -d '' -t argv <"$folder/argv"
    rm -f "$folder/identity"
    # A process that joined whatever now has the old pid of the namespaces would be in the wrong network.
    [[ $pods == kwok || $1 == namespace ]] || is_alive namespace ||
        die "the namespaces of the cluster '$name' are gone: run '$program up $name --pods node'"
    (
        cd /
        enter_cgroup
        # The identity is written by the process itself, so there is no moment at which it runs unrecorded.
        # Not "$(start_time "$BASHPID")": that would be the pid of the substitution.
        pid=$BASHPID
        printf '%s %s %s\n' "$pid" "$(start_time "$pid")" "$(</proc/sys/kernel/random/boot_id)" >"$folder/identity"
        close_descriptors
        exec setsid nohup "${argv[@]}"
    ) </dev/null >>"$folder/log" 2>&1 &
    wait_for 5 test -s "$folder/identity" || die "$1 was not started, see $folder/log"
}

close_descriptors() {
    local descriptor
    for descriptor in "/proc/$BASHPID/fd/"*; do
        descriptor=${descriptor##*/}
        # Bash closes 255 (the script) itself on exec.
        ((descriptor <= 2 || descriptor == 255)) || eval "exec $descriptor>&-"
    done
}

run_process() { # NAME COMMAND...: define and start
    define_process "$@"
    launch "$1"
}

# SIGKILL: a test wants a crash, and a throw-away cluster has nothing to save.
kill_process() { # NAME
    local pid
    pid=$(pid_of "$1") || return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait_for 10 is_gone "$1" "$pid" || die "$1 (pid $pid) does not end"
}

# The first thread may be dead while others still hold the process' ports.
is_gone() { # NAME PID
    local threads=("/proc/$2/task"/*)
    not is_alive "$1" && [[ ! -d /proc/$2 || ${#threads[@]} -le 1 ]]
}

not() { ! "$@"; }

# The end of a log explains most failures.
explain() { # PROCESS MESSAGE
    local log=$state/processes/$1/log
    printf 'testbed: the end of %s:\n' "$log" >&2
    tail -n 15 "$log" | cut -c1-400 | sed 's/^/    /' >&2
    die "$2"
}

require_process() { # NAME
    process_names | grep -qx "$1" && return
    die "the cluster '$name' has no process '$1'; it has: $(process_names | paste -sd' ')"
}

# --- the verbs -------------------------------------------------------------------------------------------------------

stop_process() { # NAME PROCESS
    require_cluster "$1"; cluster_lock
    require_process "$2"
    kill_process "$2"
    say "$2 is stopped"
}

start_process() { # NAME PROCESS
    require_cluster "$1"; cluster_lock
    require_process "$2"
    if is_alive "$2"; then
        say "$2 runs already"
        return
    fi
    launch "$2"
    await_process "$2"
    say "$2 is started"
}

restart_process() { # NAME PROCESS
    require_cluster "$1"; cluster_lock
    require_process "$2"
    kill_process "$2"
    launch "$2"
    await_process "$2"
    say "$2 was killed and started again"
}

await_process() { # PROCESS
    case $1 in
        kube-apiserver) await_apiserver ;;
        containerd) await_containerd ;;
        contour* | traefik* | istio* | prometheus*) await_data_plane_of "$1" ;;
        etcd) ! is_alive kube-apiserver || await_apiserver ;;
        *) # A wrong flag or a missing dependency shows itself at once.
            sleep 0.5
            is_alive "$1" || explain "$1" "$1 ended right after its start" ;;
    esac
}
