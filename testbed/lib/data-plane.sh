# Real data planes on a real node: what routing objects ask for happens to real traffic.
#
# A data plane is a file of this folder with the functions PLANE_objects (what it needs in the cluster), PLANE_start and
# PLANE_serves, the list PLANE_PROCESSES and the address PLANE_LISTENS. Its processes are named PLANE or PLANE-something.
# All listen on loopback of the cluster's network and have ports of their own, so that all can run at once.

readonly DATA_PLANES=(contour traefik istio prometheus)

data_plane_processes() { # PLANE
    local -n processes=${1}_PROCESSES
    printf '%s\n' "${processes[@]}"
}

data_plane_is_alive() { # PLANE
    local process
    for process in $(data_plane_processes "$1"); do
        is_alive "$process" || return 1
    done
}

# The path of a program or of a folder of CRDs.
part_of() { # PLANE PART
    local part folder
    while IFS=$'\t' read -r part folder _; do
        [[ $part != "$2" ]] || { part_path "$part" "$folder"; return; }
    done < <(data_plane_parts "$1")
    die "'$1' has no part '$2'"
}

# What decides how a data plane runs: one from before a change to this folder is started anew.
data_plane_settings() { # PLANE
    local part folder hash
    hash=$({
        cat "$testbed/lib/data-plane.sh" "$testbed/lib/$1.sh"
        while IFS=$'\t' read -r part folder _; do
            part_path "$part" "$folder"
        done < <(data_plane_parts "$1")
    } | sha256sum)
    printf '%s\n' "${hash:0:12}"
}

# The CRDs of every part that has some.
install_crds() { # PLANE
    local part folder crds
    while IFS=$'\t' read -r part folder _; do
        crds=$(dirname "$(part_path "$part" "$folder")")/crds
        [[ ! -d $crds ]] || apply_crds "$crds"
    done < <(data_plane_parts "$1")
}

# Server-side: some are too large for the annotation of a plain apply.
apply_crds() { # FILE_OR_FOLDER
    kubectl apply --server-side --force-conflicts -f "$1" </dev/null >/dev/null
    kubectl wait --for=condition=Established --timeout=30s -f "$1" </dev/null >/dev/null
}

start_data_plane() { # PLANE
    local process
    for process in $(data_plane_processes "$1"); do
        kill_process "$process"
    done
    say "installing the CRDs and objects of $1"
    install_crds "$1"
    "${1}_objects" | kubectl apply -f - >/dev/null
    say "starting $1"
    "${1}_start"
    await_data_plane "$1"
}

await_data_plane() { # PLANE
    local deadline=$((SECONDS + 60)) process
    until "${1}_serves" >/dev/null 2>&1; do
        for process in $(data_plane_processes "$1"); do
            is_alive "$process" || explain "$process" "$process ended"
        done
        ((SECONDS < deadline)) || explain "$(data_plane_processes "$1" | head -n 1)" "$1 is not ready after 60 s"
        sleep 0.1
    done
}

# One process was started; the data plane can be ready only if its others run as well.
await_data_plane_of() { # PROCESS
    sleep 0.5
    is_alive "$1" || explain "$1" "$1 ended right after its start"
    ! data_plane_is_alive "${1%%-*}" || await_data_plane "${1%%-*}"
}

# Two Envoys would share memory and sockets by default; nobody restarts one 'hot' here.
run_envoy() { # PROCESS ENVOY ARGUMENT...
    run_in_cluster "$@" --disable-hot-restart --concurrency 2 --log-level warning
}

# The status of a GET on the cluster's loopback. By bash, which is here anyway.
http_status() { # PORT PATH
    # shellcheck disable=SC2016 # expanded by the inner shell
    inside_cluster timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
        printf "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$2" >&3
        read -r _ status _ <&3 && printf "%s\n" "$status"' bash "$@"
}

is_programmed() { # NAMESPACE GATEWAY
    # shellcheck disable=SC2016 # a JSONPath, not a variable
    [[ $(kubectl get gateways.gateway.networking.k8s.io "$2" --namespace "$1" \
        -o 'jsonpath={.status.conditions[?(@.type=="Programmed")].status}' </dev/null) == True ]]
}

# --- the verbs -------------------------------------------------------------------------------------------------------

# Those of Gateway API are in its module; the others are made by hand, as their files say.
crds() { # NAME ROUTER...
    (($# >= 2)) || usage_error "crds: which cluster and whose CRDs?"
    local router
    for router in "${@:2}"; do
        [[ $router == gateway-api || -f $testbed/crds/$router.yaml ]] ||
            usage_error "crds: '$router' is none of: gateway-api $(made_crds)"
    done
    require_cluster "$1"
    shift
    [[ " $* " != *" gateway-api "* ]] || build_data_planes gateway-api
    cluster_lock
    wait_for 10 is_ready || die "the API server of the cluster '$name' does not answer: run '$program up $name'"
    for router in "$@"; do
        if [[ $router == gateway-api ]]; then install_crds "$router"; else apply_crds "$testbed/crds/$router.yaml"; fi
    done
    say "the CRDs of $* are installed"
}

made_crds() { (cd "$testbed/crds" && printf '%s\n' *.yaml | sed 's/\.yaml$//' | paste -sd' '); }

data_plane() { # NAME DATA_PLANE...
    (($# >= 2)) || usage_error "data-plane: which cluster and which of ${DATA_PLANES[*]}?"
    local plane marker
    for plane in "${@:2}"; do
        [[ " ${DATA_PLANES[*]} " == *" $plane "* ]] || usage_error "data-plane: '$plane' is none of: ${DATA_PLANES[*]}"
    done
    require_cluster "$1"
    shift
    [[ $pods == node ]] || die "fake pods serve no traffic: data planes need a cluster with '--pods node'"
    build_data_planes "$@"
    cluster_lock
    wait_for 10 is_ready || die "the API server of the cluster '$name' does not answer: run '$program up $name --pods node'"
    mkdir -p "$state/data-planes"
    for plane in "$@"; do
        marker=$state/data-planes/$plane.ready
        if [[ -f $marker && $(<"$marker") == "$(data_plane_settings "$plane")" ]] &&
            data_plane_is_alive "$plane" && wait_for 10 "${plane}_serves"; then
            say "$plane runs already"
        else
            rm -f "$marker"
            start_data_plane "$plane"
            data_plane_settings "$plane" >"$marker"
            say "$plane is ready"
        fi
        local -n listens=${plane}_LISTENS
        printf '%s\thttp://%s\n' "$plane" "$listens"
    done
}
