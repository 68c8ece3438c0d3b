# Prometheus, as a pod: the API server's proxy reaches nothing else behind a Service. It reads the pods that say so in their
# annotations, and the routers that have metrics on loopback, which is theirs as well: the pod is in the host's network.

readonly prometheus_PROCESSES=(prometheus-targets)
readonly prometheus_LISTENS=$NODE_ADDRESS:9090
# Pods that have an address and say by an annotation where their metrics are.
readonly prometheus_TARGETS='[{{$comma := ""}}{{range .items}}{{$port := ""}}{{with .metadata.annotations}}{{$port = index . "prometheus.io/port"}}{{end}}{{if and $port .status.podIP}}{{$comma}}{{$comma = ","}}{"targets": ["{{.status.podIP}}:{{$port}}"], "labels": {"namespace": "{{.metadata.namespace}}", "pod": "{{.metadata.name}}"}}{{end}}{{end}}]'

prometheus_objects() {
    cat <<END
apiVersion: v1
kind: Namespace
metadata:
  name: monitoring
---
apiVersion: v1
kind: Service
metadata:
  name: prometheus
  namespace: monitoring
spec:
  selector: {app: prometheus}
  ports:
  - {name: web, port: 9090}
END
}

# The program is Debian's, and so are the loader and the library that it needs: they are taken from the machine.
prometheus_pod() { # PROGRAM FOLDER
    local loader library
    loader=$(readlink -f "$(ldd "$1" | sed -n 's/^\t\(\/[^ ]*ld-linux[^ ]*\).*/\1/p')")
    library=$(readlink -f "$(ldd "$1" | sed -n 's/.*libc\.so\.6 => \([^ ]*\).*/\1/p')")
    cat <<END
apiVersion: v1
kind: Pod
metadata:
  name: prometheus
  namespace: monitoring
  labels: {app: prometheus}
spec:
  automountServiceAccountToken: false
  hostNetwork: true
  containers:
  - name: prometheus
    image: local/pause:1
    imagePullPolicy: Never
    command: [/host$loader, --library-path, /host$(dirname "$library"), /host$1]
    args:
    - --config.file=/host$2/prometheus.yaml
    - --storage.tsdb.path=/data
    - --web.listen-address=$prometheus_LISTENS
    readinessProbe:
      httpGet: {path: /-/ready, port: 9090}
      periodSeconds: 1
    volumeMounts:
    - {name: machine, mountPath: /host, readOnly: true}
    - {name: data, mountPath: /data}
  volumes:
  - name: machine
    hostPath: {path: /}
  - name: data
    emptyDir: {}
END
}

# Debian's is built without the discovery of Kubernetes' pods, so somebody writes them down, each second.
prometheus_start() {
    local folder=$state/data-planes targets=$state/data-planes/prometheus-targets.json
    cat >"$folder/prometheus.yaml" <<END
global:
  scrape_interval: 5s
scrape_configs:
- job_name: kubernetes-pods
  file_sd_configs:
  - files: [/host$targets]
- job_name: contour
  metrics_path: /stats/prometheus
  static_configs:
  - targets: [127.0.0.1:8002]
- job_name: traefik
  static_configs:
  - targets: [127.0.0.1:8089]
END
    echo '[]' >"$targets"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run_in_cluster prometheus-targets env KUBECONFIG="$state/kubeconfig" bash -c \
        'while sleep 1; do "$1" get pods --all-namespaces -o "go-template=$2" >"$3.new" && mv "$3.new" "$3"; done' \
        bash "$(kubectl_path)" "$prometheus_TARGETS" "$targets"
    kubectl delete pod prometheus --namespace monitoring --ignore-not-found --grace-period=1 </dev/null >/dev/null
    prometheus_pod "$(part_of prometheus prometheus)" "$folder" | kubectl apply -f - >/dev/null
}

prometheus_serves() {
    kubectl get --raw /api/v1/namespaces/monitoring/services/prometheus:9090/proxy/-/ready </dev/null
}
