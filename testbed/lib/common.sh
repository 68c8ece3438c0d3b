# Messages, paths and small helpers that every other file uses.

readonly DEFAULT_VERSION=1.36

cache_home=${XDG_CACHE_HOME:-$HOME/.cache}/rollout-plus/testbed
state_home=${XDG_STATE_HOME:-$HOME/.local/state}/rollout-plus/testbed

# All feedback goes to stderr: stdout is for data (a path, a list).
say() { printf 'testbed: [%3ds] %s\n' "$SECONDS" "$*" >&2; }
die() { printf 'testbed: error: %s\n' "$*" >&2; exit 1; }
usage_error() { printf 'testbed: error: %s\n\n%s\n' "$*" "$(usage)" >&2; exit 2; }

need() { # COMMAND WHAT_TO_INSTALL
    command -v "$1" >/dev/null || die "the command '$1' is missing: install $2"
}

value_of() { # OPTION [VALUE]...
    (($# >= 2)) || usage_error "$1 needs a value"
    printf '%s\n' "$2"
}

# Waits until a command succeeds; the command's own output is hidden.
wait_for() { # SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# One writer per lock file. The descriptor closes with this shell; long-running processes never inherit it (see launch).
lock() { # FILE WHAT_WE_WAIT_FOR
    need flock util-linux
    mkdir -p "$(dirname "$1")"
    local descriptor
    while true; do
        exec {descriptor}>>"$1"
        flock --nonblock "$descriptor" || { say "waiting for $2"; flock "$descriptor"; }
        # Who removes a cluster removes its lock file too; then there is a new file to lock.
        [[ "/proc/$BASHPID/fd/$descriptor" -ef $1 ]] && return
        exec {descriptor}>&-
    done
}

# The module folder of a Kubernetes minor version, e.g. 1.36.
module_of() { # VERSION
    local folder=$testbed/v$1
    [[ -f $folder/go.mod ]] && { printf '%s\n' "$folder"; return; }
    local known
    known=$(cd "$testbed" && printf '%s ' v[0-9]*)
    die "there is no Kubernetes '$1' here; known: ${known//v/}"
}

# The cluster that the rest of the run works on. Sets $name, $state and, where it was started, what it was started with.
select_cluster() { # NAME
    [[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] || usage_error "'$1' is not a cluster name (lower case letters, digits and '-', at most 32)"
    name=$1
    state=$state_home/$name
}

require_cluster() { # NAME
    select_cluster "$1"
    [[ -f $state/settings ]] || die "there is no cluster '$name': start it with '$program up $name'"
    read_settings
}

# What `up` was asked for, and a hash of what decides how a cluster is run: a healthy cluster with equal settings can be
# used again, one from before a change to this folder cannot.
wanted_settings() {
    local hash
    hash=$(cat "$testbed"/lib/{control-plane,kwok,node}.sh "$(module_of "$version")/go.mod" | sha256sum)
    printf '%s %s %s\n' "$version" "$pods" "${hash:0:12}"
}

read_settings() { # sets $version $pods
    read -r version pods _ <"$state/settings"
}

cluster_lock() { lock "$(cluster_lock_file)" "another '$program' that works on the cluster '$name'"; }
cluster_lock_file() { printf '%s\n' "$state_home/.$name.lock"; }
