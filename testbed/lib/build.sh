# Builds the cluster's programs from pinned Go modules into a cache that outlives clones and `cargo clean`.

readonly KWOK_MODULE=$testbed/kwok PAUSE_MODULE=$testbed/pause

# The packages of Debian and its relatives that a real node needs, as COMMAND:PACKAGE.
readonly NODE_PACKAGES=(containerd:containerd ctr:containerd runc:runc nft:nftables ip:iproute2 nsenter:util-linux
    unshare:util-linux mount:mount openssl:openssl flock:util-linux)
# Envoy comes as a Python package, whatever else is compiled here.
readonly DATA_PLANE_PACKAGES=(python3:python3 pip3:python3-pip)
readonly CNI_FOLDERS=(/usr/lib/cni /opt/cni/bin)

# --- what there is to build ------------------------------------------------------------------------------------------

# Lines of NAME, MODULE_FOLDER, GO_PACKAGE, separated by tabs. etcd, kubectl and kwok are those of the default version for
# every cluster.
programs() { # VERSION WITH_NODE(yes|no)
    local module base kubernetes=k8s.io/kubernetes/cmd
    module=$(module_of "$1")
    base=$(module_of "$DEFAULT_VERSION")
    printf '%s\t%s\t%s\n' \
        kube-apiserver "$module" "$kubernetes/kube-apiserver" \
        kube-controller-manager "$module" "$kubernetes/kube-controller-manager" \
        kube-scheduler "$module" "$kubernetes/kube-scheduler" \
        etcd "$base" go.etcd.io/etcd/server/v3 \
        kubectl "$base" "$kubernetes/kubectl" \
        kwok "$KWOK_MODULE" sigs.k8s.io/kwok/cmd/kwok
    [[ $2 == yes ]] || return 0
    # A kubelet must not be newer than its API server, so it cannot be borrowed from another version.
    grep -q "$kubernetes/kubelet\$" "$module/go.mod" ||
        die "Kubernetes $1 has no kubelet here: real nodes need --version $DEFAULT_VERSION"
    printf '%s\t%s\t%s\n' \
        kubelet "$module" "$kubernetes/kubelet" \
        kube-proxy "$module" "$kubernetes/kube-proxy" \
        pause "$PAUSE_MODULE" .
}

# The folder's name holds a hash of the pinned versions: another clone with the same pins uses the same programs.
cache_of() { # MODULE_FOLDER
    local hash
    hash=$(cd "$1" && shopt -s nullglob && cat go.mod* go.sum* ./*.go ./*/*.go requirements.txt* | sha256sum)
    printf '%s/%s-%s\n' "$cache_home" "$(basename "$1")" "${hash:0:12}"
}

# KUBEBUILDER_ASSETS is a convention: a folder that already holds these three.
asset() { # NAME VERSION
    [[ -n ${KUBEBUILDER_ASSETS:-} && $1 =~ ^(etcd|kube-apiserver|kubectl)$ ]] || return 1
    [[ -x $KUBEBUILDER_ASSETS/$1 ]] || return 1
    [[ $1 != kube-apiserver || $("$KUBEBUILDER_ASSETS/$1" --version) == "Kubernetes v$2."* ]] || return 1
    printf '%s\n' "$KUBEBUILDER_ASSETS/$1"
}

binary() { # NAME: prints the path of a program of the cluster's $version
    local program module node=no
    asset "$1" "$version" && return
    [[ ! $1 =~ ^(kubelet|kube-proxy|pause)$ ]] || node=yes
    while IFS=$'\t' read -r program module _; do
        [[ $program == "$1" ]] && printf '%s/%s\n' "$(cache_of "$module")" "$program"
    done < <(programs "$version" "$node")
    return 0
}

# --- building --------------------------------------------------------------------------------------------------------

missing_programs() { # VERSION WITH_NODE
    local program module package
    while IFS=$'\t' read -r program module package; do
        asset "$program" "$1" >/dev/null || [[ -x $(cache_of "$module")/$program ]] ||
            printf '%s\t%s\t%s\n' "$program" "$module" "$package"
    done < <(programs "$1" "$2")
}

build_programs() { # VERSION WITH_NODE
    module_of "$1" >/dev/null
    programs "$1" "$2" >/dev/null
    [[ -n $(missing_programs "$1" "$2") ]] || return 0
    need go "Go $(sed -n 's/^go //p' "$(module_of "$1")/go.mod") or newer"
    build_each missing_programs "$1" "$2"
}

build_each() { # COMMAND...: prints lines like those of programs, only of what is missing
    # A shell of its own, so that the lock is given back: whoever builds several versions would wait for itself.
    (
        lock "$cache_home/.lock" "another build to end"
        local n=0 line program module package
        local -a order=()
        local -A lines=()
        # What the programs of a module have in common is compiled once: compilers side by side do not see what the others do.
        while IFS= read -r line; do
            IFS=$'\t' read -r program module package <<<"$line"
            [[ $package != - ]] || module=$program
            [[ -v lines[$module] ]] || order+=("$module")
            lines[$module]+=$line$'\n'
        done < <("$@")
        # The linker of one beside the compiler of the next. Whoever ends this ends both.
        trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
        trap 'exit 130' INT TERM
        for module in "${order[@]}"; do
            n=$((n + 1))
            ((n <= 2)) || wait -n || exit 1
            case $module in
                gateway-api* | envoy* | prometheus*) fetch_part "$n of ${#order[@]}" "${lines[$module]%$'\n'}" & ;;
                *) build_module "$n of ${#order[@]}" "$module" "${lines[$module]%$'\n'}" & ;;
            esac
        done
        # Nothing is left to wait for when it says 127.
        while true; do
            wait -n || { (($? == 127)) && break; exit 1; }
        done
        trap - EXIT
    )
}

build_module() { # N_OF_M MODULE_FOLDER LINES_OF_programs
    local module=$2 folder temporary log i program package names started=$SECONDS report_at=20
    local -a programs=() packages=()
    while IFS=$'\t' read -r program _ package; do
        programs+=("$program")
        packages+=("$package")
    done <<<"$3"
    names="${programs[*]} ($1)"
    folder=$(cache_of "$module")
    log=$folder/build.log
    temporary=$folder/.build.tmp
    rm -rf "$temporary"
    mkdir -p "$temporary"
    say "$names: building"
    # The lock is not for the compiler to inherit, hence no descriptors.
    (
        close_descriptors
        cd "$module" || exit 1
        exec env CGO_ENABLED=0 GOWORK=off GOFLAGS= GOOS= GOARCH= \
            go build -mod=readonly -buildvcs=false -trimpath -ldflags "$(link_flags "$module")" -o "$temporary/" "${packages[@]}"
    ) </dev/null >"$log" 2>&1 &
    compiler=$!
    # A background process of a script ignores Ctrl-C, so it is ended here.
    trap 'kill "$compiler" 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM
    while kill -0 "$compiler" 2>/dev/null; do
        sleep 0.5
        ((SECONDS - started >= report_at)) || continue
        say "$names: still building, $((SECONDS - started)) s"
        report_at=$((report_at + 20))
    done
    wait "$compiler" || { tail -n 20 "$log" >&2; die "$names could not be built, see $log"; }
    trap - EXIT INT TERM
    # A rename is atomic: a program in the cache is always whole, with all that it needs.
    for i in "${!programs[@]}"; do
        program=${programs[$i]}
        case $program in
            kwok) copy_stages "$module" "$folder" ;;
            contour | traefik | pilot-discovery) copy_crds "$program" "$module" "$folder/crds" ;;
        esac
        mv "$temporary/$(executable "$module" "${packages[$i]}")" "$folder/$program"
    done
    rmdir "$temporary"
    say "$names: built in $((SECONDS - started)) s"
}

# The name that the compiler gives a program: the last part of its package's path that is no version.
executable() { # MODULE_FOLDER PACKAGE
    local path=$2
    [[ $path != . ]] || path=$(sed -n 's/^module //p' "$1/go.mod")
    [[ ! $path =~ ^(.*)/v[0-9]+$ ]] || path=${BASH_REMATCH[1]}
    printf '%s\n' "${path##*/}"
}

# Without these a server calls itself v0.0.0, and clients that look at its version go wrong.
link_flags() { # MODULE_FOLDER
    local release rest package=k8s.io/component-base/version
    release=$(sed -n 's/^require k8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$1/go.mod")
    printf '%s' '-s -w'
    [[ -n $release ]] || return 0
    rest=${release#v*.}
    printf ' -X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s -X %s.gitTreeState=clean' \
        "$package" "$release" "$package" "$package" "${rest%%.*}" "$package"
}

# kwok needs the files that describe how its nodes and pods behave; they are in its module.
copy_stages() { # MODULE_FOLDER CACHE_FOLDER
    local source
    source=$(cd "$1" && go list -mod=readonly -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    mkdir -p "$2/stages"
    install -m 0644 "$source"/{pod/fast,node/fast,node/heartbeat-with-lease}/*-*.yaml "$2/stages/"
}

# --- system packages of a real node ----------------------------------------------------------------------------------

cni_folder() {
    local folder
    for folder in "${CNI_FOLDERS[@]}"; do
        [[ -x $folder/bridge && -x $folder/host-local && -x $folder/loopback ]] && { printf '%s\n' "$folder"; return; }
    done
    return 1
}

missing_packages() { # [COMMAND:PACKAGE...]: those of a node, and these
    {
        local pair
        for pair in "${NODE_PACKAGES[@]}" "$@"; do
            command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair##*:}"
        done
        cni_folder >/dev/null || printf 'containernetworking-plugins\n'
    } | sort -u | paste -sd' '
}

install_packages() { # [COMMAND:PACKAGE...]
    local packages
    packages=$(missing_packages "$@")
    [[ -n $packages ]] || return 0
    [[ $EUID == 0 ]] || die "a real node needs these packages: run as root 'apt-get install --no-install-recommends $packages'"
    command -v apt-get >/dev/null || die "a real node needs what Debian calls: $packages; install it with this system's package manager"
    say "installing $packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of names
    apt_install $packages || {
        say "refreshing the list of packages"
        apt-get update -q >&2
        apt_install $packages
    } || die "apt-get could not install: $packages"
    packages=$(missing_packages "$@")
    [[ -z $packages ]] || die "still missing after the installation: $packages"
}

apt_install() { apt-get install -qy --no-install-recommends "$@" </dev/null >&2; }

# --- the verb --------------------------------------------------------------------------------------------------------

build() {
    local versions=("$DEFAULT_VERSION") node=no data_planes=no
    while (($#)); do
        case $1 in
            --version) versions=("$(value_of "$@")"); shift ;;
            --node) node=yes ;;
            --data-planes) node=yes data_planes=yes ;;
            --all) node=yes; mapfile -t versions < <(cd "$testbed" && printf '%s\n' v[0-9]* | cut -c2-) ;;
            *) usage_error "build: unknown argument '$1'" ;;
        esac
        shift
    done
    local version
    for version in "${versions[@]}"; do
        build_programs "$version" "$([[ $node == yes && ($version == "$DEFAULT_VERSION" || ${#versions[@]} == 1) ]] && echo yes || echo no)"
    done
    [[ $node == no ]] || install_packages
    [[ $data_planes == no ]] || build_data_planes "${DATA_PLANES[@]}"
    say "everything is built in $cache_home"
}
