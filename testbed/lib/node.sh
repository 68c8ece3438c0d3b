# stub
readonly NODE_ADDRESS=172.31.255.1 SERVICE_CIDR=10.96.0.0/16
enter_cgroup() { :; }
inside_cluster() { "$@"; }
enter_cluster() { "$@"; }
run_in_cluster() { run_process "$@"; }
remove_namespace() { :; }
