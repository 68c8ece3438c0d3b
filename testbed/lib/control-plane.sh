# etcd, kube-apiserver, kube-controller-manager and kube-scheduler of one cluster, and its lifecycle.

# Sets $address, where the API server listens, and the ports. A real node's namespace has all ports to itself.
choose_endpoints() {
    address=$NODE_ADDRESS api_port=6443 etcd_port=2379 etcd_peer_port=2380
    [[ $pods == kwok ]] || return 0
    address=127.0.0.1
    # Two clusters that start at once must not choose the same ports.
    (lock "$state_home/.ports.lock" "another cluster to choose its ports"; free_ports 3 >"$state/ports")
    { read -r api_port; read -r etcd_port; read -r etcd_peer_port; } <"$state/ports"
}

# Below the range from which clients get theirs, and not one that another cluster has, running or stopped.
free_ports() { # HOW_MANY
    local found=0 port taken
    taken=$(cat "$state_home"/*/ports 2>/dev/null; listening_ports)
    while ((found < $1)); do
        port=$((20000 + RANDOM % 10000))
        grep -qx "$port" <<<"$taken" && continue
        taken+=$'\n'$port
        found=$((found + 1))
        printf '%s\n' "$port"
    done
}

listening_ports() {
    local file local_address
    for file in /proc/net/tcp /proc/net/tcp6; do
        [[ -r $file ]] || continue
        while read -r _ local_address _; do
            [[ $local_address == *:* ]] && printf '%d\n' "$((16#${local_address##*:}))"
        done < <(tail -n +2 "$file")
    done
}

write_credentials() {
    local user token folder=$state/credentials
    mkdir -p "$folder"
    # The key signs the tokens of service accounts.
    openssl genrsa -out "$folder/service-account.key" 2048 2>/dev/null
    for user in admin kube-controller-manager kube-scheduler kube-proxy kubelet kwok; do
        token=$(openssl rand -hex 24)
        printf '%s,%s,%s,system:masters\n' "$token" "$user" "$user" >>"$folder/tokens.csv"
        printf '%s' "$token" >"$folder/$user.token"
    done
}

# Written after the API server has made its own certificate, which is embedded: the file works from any folder.
write_kubeconfig() { # USER FILE
    cat >"$2" <<END
apiVersion: v1
kind: Config
current-context: $name
clusters:
- name: $name
  cluster:
    server: https://$address:$api_port
    certificate-authority-data: $(base64 -w0 "$state/certificates/apiserver.crt")
contexts:
- name: $name
  context: {cluster: $name, user: $1}
users:
- name: $1
  user: {token: $(<"$state/credentials/$1.token")}
END
}

start_etcd() {
    say "starting etcd"
    run_in_cluster etcd "$(binary etcd)" --data-dir="$state/etcd" --unsafe-no-fsync --log-level=warn \
        --listen-client-urls="http://127.0.0.1:$etcd_port" --advertise-client-urls="http://127.0.0.1:$etcd_port" \
        --listen-peer-urls="http://127.0.0.1:$etcd_peer_port" --initial-advertise-peer-urls="http://127.0.0.1:$etcd_peer_port" \
        --initial-cluster="default=http://127.0.0.1:$etcd_peer_port" \
        --auto-compaction-retention=10m --quota-backend-bytes=8589934592
}

start_apiserver() {
    local folder=$state/credentials flags=()
    # Pods reach the API by the Service 'kubernetes'; on loopback there is nothing they could reach.
    [[ $pods == node ]] || flags+=(--endpoint-reconciler-type=none)
    # Names are not resolved in the node's network, so 'kubectl logs' and 'exec' go to its address.
    [[ $pods == kwok ]] || flags+=(--kubelet-preferred-address-types=InternalIP)
    say "starting kube-apiserver"
    run_in_cluster kube-apiserver "$(binary kube-apiserver)" --etcd-servers="http://127.0.0.1:$etcd_port" \
        --bind-address="$address" --advertise-address="$address" --secure-port="$api_port" --cert-dir="$state/certificates" \
        --token-auth-file="$folder/tokens.csv" --authorization-mode=RBAC \
        --service-account-key-file="$folder/service-account.key" \
        --service-account-signing-key-file="$folder/service-account.key" \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-cluster-ip-range="$SERVICE_CIDR" --allow-privileged=true "${flags[@]}"
    wait_for 30 test -s "$state/certificates/apiserver.crt" || explain kube-apiserver "kube-apiserver made no certificate"
    write_kubeconfig admin "$state/kubeconfig.new"
    mv "$state/kubeconfig.new" "$state/kubeconfig"
    await_apiserver
}

await_apiserver() {
    local deadline=$((SECONDS + 60))
    until is_ready; do
        is_alive kube-apiserver || explain kube-apiserver "kube-apiserver ended"
        ((SECONDS < deadline)) || explain kube-apiserver "kube-apiserver is not ready after 60 s"
        sleep 0.1
    done
}

is_ready() { [[ $(kubectl get --raw /readyz --request-timeout=5s 2>/dev/null) == ok ]]; }

start_controllers() {
    local process flags
    for process in kube-controller-manager kube-scheduler; do
        # The default limits (20 requests/s) would make every test with many objects a test of these limits.
        flags=(--kubeconfig="$state/credentials/$process.kubeconfig" --leader-elect=false --secure-port=0
            --kube-api-qps=1000 --kube-api-burst=2000)
        [[ $process == kube-scheduler ]] || flags+=(
            --service-account-private-key-file="$state/credentials/service-account.key"
            --root-ca-file="$state/certificates/apiserver.crt")
        # A machine too busy for kwok's heartbeats is no lost node.
        [[ $process != kube-controller-manager || $pods != kwok ]] || flags+=(--node-monitor-grace-period=10m)
        write_kubeconfig "$process" "$state/credentials/$process.kubeconfig"
        say "starting $process"
        run_in_cluster "$process" "$(binary "$process")" "${flags[@]}"
    done
}

# Runs the cluster's own kubectl as its administrator, wherever the cluster is.
kubectl() { inside_cluster env KUBECONFIG="$state/kubeconfig" "$(kubectl_path)" "$@"; }

kubectl_path() { printf '%s\n' "$state/bin/kubectl"; }

# --- the verbs -------------------------------------------------------------------------------------------------------

up() { # NAME [--version V] [--pods kwok|node]
    (($#)) || usage_error "up: which cluster?"
    select_cluster "$1"; shift
    version=$DEFAULT_VERSION pods=kwok
    while (($#)); do
        case $1 in
            --version) version=$(value_of "$@"); shift ;;
            --pods) pods=$(value_of "$@"); shift ;;
            *) usage_error "up: unknown argument '$1'" ;;
        esac
        shift
    done
    [[ $pods =~ ^(kwok|node)$ ]] || usage_error "up: --pods is 'kwok' or 'node', not '$pods'"
    module_of "$version" >/dev/null
    need openssl openssl
    [[ $pods == kwok ]] || require_node_support
    build_programs "$version" "$([[ $pods == node ]] && echo yes || echo no)"
    cluster_lock
    if is_same_and_healthy; then
        say "the cluster '$name' is up already"
        return
    fi
    remove_cluster
    create_cluster
    say "the cluster '$name' (Kubernetes $version, pods: $pods) is ready: export KUBECONFIG=$state/kubeconfig"
}

is_same_and_healthy() {
    [[ -f $state/settings && $(<"$state/settings") == "$(wanted_settings)" && -f $state/ready ]] || return 1
    local process
    for process in $(process_names); do
        is_alive "$process" || return 1
    done
    wait_for 10 is_ready && node_is_ready
}

create_cluster() {
    (umask 077 && mkdir -p "$state/bin")
    chmod 0700 "$state"
    wanted_settings >"$state/settings"
    ln -s "$(binary kubectl)" "$state/bin/kubectl"
    [[ $pods == kwok ]] || create_namespace
    choose_endpoints
    write_credentials
    start_etcd
    start_apiserver
    start_controllers
    case $pods in
        kwok) start_fake_node ;;
        node) start_real_node ;;
    esac
    say "waiting for the node and the default service account"
    wait_for 90 node_is_ready || explain "$node_process" "the node is not ready after 90 s"
    wait_for 30 kubectl get serviceaccount default || explain kube-controller-manager "there is no default service account"
    touch "$state/ready"
}

node_is_ready() {
    # shellcheck disable=SC2016 # a JSONPath, not a variable
    [[ $(kubectl get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]]
}

down() { # NAME|--all
    (($# == 1)) || usage_error "down: which cluster, or --all?"
    local names=("$1") one
    [[ $1 != --all ]] || mapfile -t names < <(cluster_names)
    for one in "${names[@]}"; do
        (
            select_cluster "$one"
            cluster_lock
            remove_cluster
            rm -f "$(cluster_lock_file)"
        )
    done
}

remove_cluster() { # works on a half-dead or half-made state as well
    [[ -d $state ]] || return 0
    say "removing the cluster '$name'"
    local process
    for process in $(process_names | tac); do
        kill_process "$process"
    done
    remove_namespace
    rm -rf --one-file-system "$state"
}

cluster_names() {
    local folder
    for folder in "$state_home"/*/; do
        [[ -d $folder ]] && basename "$folder"
    done
    return 0
}

list() {
    local process alive all status
    printf '%-20s %-8s %-5s %-22s %s\n' NAME VERSION PODS STATUS SERVER
    for name in $(cluster_names); do
        state=$state_home/$name version='?' pods='?' alive=0 all=0
        [[ -f $state/settings ]] && read_settings
        for process in $(process_names); do
            all=$((all + 1))
            ! is_alive "$process" || alive=$((alive + 1))
        done
        status=ready
        [[ -f $state/ready ]] || status='not ready'
        ((alive == all && all > 0)) || status="$alive of $all processes"
        printf '%-20s %-8s %-5s %-22s %s\n' "$name" "$version" "$pods" "$status" \
            "$(sed -n 's/^ *server: //p' "$state/kubeconfig" 2>/dev/null)"
    done
}
