# A real node: containerd, kubelet and kube-proxy, closed off from the machine by
# - a network namespace: its own loopback, bridge and ports; the control plane is in it too;
# - a mount namespace: what containerd and kubelet mount or write outside of $state is invisible and ends with them;
# - a cgroup: it holds every process, containers and their shims included, so that none can be left behind.

readonly NODE_ADDRESS=172.31.255.1 NODE_NAME=node1
readonly SERVICE_CIDR=10.96.0.0/16 POD_CIDR=10.244.0.0/16

# Fixed paths of containerd, kubelet and the CNI plugins; each is a folder of $state inside the mount namespace.
readonly PRIVATE_FOLDERS=(/run/containerd /run/netns /var/lib/containerd /var/lib/cni /var/lib/kubelet /var/log/pods
    /var/log/containers)

# --- what it needs ---------------------------------------------------------------------------------------------------

require_node_support() {
    local packages
    [[ $EUID == 0 ]] || die "'--pods node' needs root on Linux: run it as root, or use '--pods kwok'"
    packages=$(missing_packages)
    [[ -z $packages ]] || die "a real node needs these packages: $packages; '$program build --node' installs them"
    unshare --mount --net true 2>/dev/null ||
        die "this machine does not allow new namespaces: use a virtual machine or a privileged container"
    [[ -w $(cgroup_root) ]] || die "$(cgroup_root) is not writable: use a virtual machine or a privileged container"
}

# --- the cgroup ------------------------------------------------------------------------------------------------------

# The name says whose it is; the hash tells two state folders with the same cluster name apart.
cgroup_name() {
    local hash
    hash=$(printf '%s' "$state" | sha256sum)
    printf 'rollout-plus-%s-%s\n' "$name" "${hash:0:6}"
}

# The hierarchy in which processes are found again: the only one (version 2) or that of one controller (version 1).
cgroup_root() {
    if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
        printf '/sys/fs/cgroup\n'
    else
        printf '/sys/fs/cgroup/pids\n'
    fi
}

cgroup_roots() {
    [[ ! -f /sys/fs/cgroup/cgroup.controllers ]] || { printf '/sys/fs/cgroup\n'; return; }
    # 'unified' beside version 1 has no controllers, so kubelet does not use it.
    find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d ! -name unified
}

create_cgroup() {
    local root controllers
    for root in $(cgroup_roots); do
        mkdir -p "$root/$(cgroup_name)"
    done
    if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
        # kubelet insists on every controller that exists; one that cannot be delegated is not worth a failure.
        for controllers in $(</sys/fs/cgroup/cgroup.controllers); do
            printf '+%s' "$controllers" >/sys/fs/cgroup/cgroup.subtree_control || true
        done 2>/dev/null
    fi
    # In version 2 a group with controllers for its children cannot hold processes itself.
    mkdir -p "$(cgroup_root)/$(cgroup_name)/daemons"
}

# Called in a new process before it becomes the daemon.
enter_cgroup() {
    [[ $pods == node ]] || return 0
    printf '%s' "$BASHPID" >"$(cgroup_root)/$(cgroup_name)/daemons/cgroup.procs"
}

cgroup_processes() {
    find "$(cgroup_root)/$(cgroup_name)" -name cgroup.procs -exec cat {} + 2>/dev/null || true
}

# --- the namespaces --------------------------------------------------------------------------------------------------

create_namespace() {
    say "creating the namespaces"
    create_cgroup
    run_process namespace unshare --mount --net sleep infinity
    local pid
    pid=$(pid_of namespace) || explain namespace "the namespaces were not made"
    wait_for 5 grep -qx sleep "/proc/$pid/comm" || explain namespace "the namespaces were not made"
    ln -s "/proc/$pid/ns/net" "$state/netns"
    ln -s "/proc/$pid/ns/mnt" "$state/mntns"
    hide_folders
    configure_network
}

# Runs a command where containerd and kubelet are. Not 'ip netns exec': that hides /sys/fs/cgroup.
inside_node() { nsenter --net="$state/netns" --mount="$state/mntns" -- "$@"; }

# Runs a command with the cluster's network, the machine's files.
inside_cluster() {
    if [[ $pods == node ]]; then
        nsenter --net="$state/netns" -- "$@"
    else
        "$@"
    fi
}

# Like inside_cluster, but becomes the command: its input, terminal, signals and exit code are the caller's.
become_inside_cluster() {
    if [[ $pods == node ]]; then
        is_alive namespace || die "the network of the cluster '$name' is gone: run '$program up $name --pods node'"
        exec nsenter --net="$state/netns" -- "$@"
    fi
    exec "$@"
}

run_in_cluster() { # NAME COMMAND...
    if [[ $pods == node ]]; then
        run_process "$1" nsenter --net="$state/netns" --mount="$state/mntns" -- "${@:2}"
    else
        run_process "$@"
    fi
}

hide_folders() {
    local folder
    for folder in "${PRIVATE_FOLDERS[@]}"; do
        mkdir -p "$folder" "$state/node$folder"
        inside_node mount --bind "$state/node$folder" "$folder"
    done
    # No name server can be reached. One that refuses at once makes the pull of an image that does not exist fail at once.
    printf 'nameserver 127.0.0.1\noptions attempts:1\n' >"$state/node/resolv.conf"
    [[ ! -e /etc/resolv.conf ]] || inside_node mount --bind "$state/node/resolv.conf" /etc/resolv.conf
}

# A bridge with one end of a cable in it is always up. ClusterIPs need some route before kube-proxy can rewrite them.
configure_network() {
    inside_node ip -batch - <<END || die "the kernel cannot make a bridge and a veth pair: load its modules 'bridge' and 'veth'"
link set lo up
link add node0 type bridge
link add cable0 type veth peer name cable1
link set cable0 master node0
link set cable0 up
link set cable1 up
link set node0 up
address add $NODE_ADDRESS/24 dev node0
route add default dev node0
END
}

# Ends every process, known or not, and with them the namespaces and all that is mounted in them.
remove_namespace() {
    local folder deadline=$((SECONDS + 20)) processes
    [[ -d $(cgroup_root)/$(cgroup_name) ]] || return 0
    while processes=$(cgroup_processes) && [[ -n $processes ]]; do
        ((SECONDS < deadline)) || die "these processes of the cluster '$name' do not end: ${processes//$'\n'/ }"
        # shellcheck disable=SC2086 # a list of numbers
        kill -KILL $processes 2>/dev/null || true
        sleep 0.1
    done
    # runc makes one under 'unified' too, so this looks everywhere.
    for folder in "/sys/fs/cgroup/$(cgroup_name)" "/sys/fs/cgroup/"*"/$(cgroup_name)"; do
        [[ -d $folder ]] || continue
        # The kernel needs a moment after the last process of a group has ended.
        wait_for 10 remove_cgroup "$folder" || die "the cgroup $folder cannot be removed"
    done
}

remove_cgroup() { # FOLDER
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
    [[ ! -d $1 ]]
}

# --- the node --------------------------------------------------------------------------------------------------------

start_real_node() {
    node_process=kubelet
    mkdir -p "$state/node/cni"
    write_containerd_config >"$state/node/containerd.toml"
    write_cni_config >"$state/node/cni/10-bridge.conflist"
    write_kubelet_config >"$state/node/kubelet.yaml"
    write_kubeconfig kubelet "$state/credentials/kubelet.kubeconfig"
    write_kubeconfig kube-proxy "$state/credentials/kube-proxy.kubeconfig"

    say "starting containerd"
    run_in_cluster containerd containerd --config "$state/node/containerd.toml"
    await_containerd
    import_image local/pause:1 "$(binary pause)"

    say "starting kubelet"
    run_in_cluster kubelet "$(binary kubelet)" --config="$state/node/kubelet.yaml" \
        --kubeconfig="$state/credentials/kubelet.kubeconfig" --node-ip="$NODE_ADDRESS" --hostname-override="$NODE_NAME"

    say "starting kube-proxy"
    run_in_cluster kube-proxy "$(binary kube-proxy)" --kubeconfig="$state/credentials/kube-proxy.kubeconfig" \
        --proxy-mode=nftables --cluster-cidr="$POD_CIDR" --hostname-override="$NODE_NAME" --conntrack-max-per-core=0
}

await_containerd() { wait_for 30 inside_node ctr version || explain containerd "containerd does not answer"; }

write_containerd_config() {
    local snapshotter=overlayfs
    # An overlay cannot be laid over an overlay, which is what the root of a container mostly is.
    [[ $(stat --file-system --format=%T "$state") != overlayfs ]] || snapshotter=native
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE every pod fails with "can't get final child's PID from pipe".
    cat <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "local/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$snapshotter"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$(cni_folder)"
    conf_dir = "$state/node/cni"
END
}

# hairpinMode: a pod that calls its own Service may be sent to itself.
write_cni_config() {
    cat <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": true,
 "hairpinMode": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
}

# Images cannot be pulled again, so they are never collected. clusterDNS has nothing behind it: without the setting every
# pod gets a warning event. makeIPTablesUtilChains: iptables may not be there. eventRecordQPS: 0 is not 'no limit' but 5, and
# then events of busy tests come a minute late.
write_kubelet_config() {
    cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$(cgroup_name)
failCgroupV1: false
enforceNodeAllocatable: []
failSwapOn: false
evictionHard: {memory.available: 100Mi}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
resolvConf: ""
clusterDNS: [10.96.0.10]
maxPods: 250
kubeAPIQPS: 1000
kubeAPIBurst: 2000
eventRecordQPS: 1000
eventBurst: 2000
END
}
