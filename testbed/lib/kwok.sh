# A fake node: pods become Ready at once and nothing runs, so thousands of them fit on a laptop and no root is needed.

start_fake_node() {
    node_process=kwok
    local stages=() file
    for file in "$(dirname "$(binary kwok)")"/stages/*.yaml; do
        stages+=(--config "$file")
    done
    write_kubeconfig kwok "$state/credentials/kwok.kubeconfig"
    say "starting kwok"
    # A node without a lease would be declared dead after a while; kwok renews one.
    run_in_cluster kwok "$(binary kwok)" --kubeconfig "$state/credentials/kwok.kubeconfig" --manage-all-nodes \
        --node-lease-duration-seconds=40 --cidr=10.64.0.1/10 --server-address= "${stages[@]}"
    kubectl apply -f - >/dev/null <<END
apiVersion: v1
kind: Node
metadata:
  name: fake-node
  labels:
    kubernetes.io/hostname: fake-node
    kubernetes.io/os: linux
    kubernetes.io/arch: amd64
  annotations:
    kwok.x-k8s.io/node: fake
status:
  allocatable: {cpu: 100k, memory: 1Pi, pods: 1M}
  capacity: {cpu: 100k, memory: 1Pi, pods: 1M}
END
}
