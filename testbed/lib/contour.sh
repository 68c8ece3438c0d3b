# Contour and its Envoy: HTTPProxy, and the routes of Gateway API. Both are served by the one listener of its Gateway.

readonly contour_PROCESSES=(contour contour-envoy)
# Contour adds 8000 to the port of a listener, so the Gateway's is 81.
readonly contour_LISTENS=127.0.0.1:8081

contour_objects() {
    cat <<END
apiVersion: v1
kind: Namespace
metadata:
  name: projectcontour
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: contour
spec:
  controllerName: projectcontour.io/gateway-controller
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: contour
  namespace: projectcontour
spec:
  gatewayClassName: contour
  listeners:
  - name: http
    protocol: HTTP
    port: 81
    allowedRoutes: {namespaces: {from: All}}
END
}

contour_start() {
    local folder=$state/data-planes program
    program=$(part_of contour contour)
    cat >"$folder/contour.yaml" <<END
gateway:
  gatewayRef: {namespace: projectcontour, name: contour}
accesslog-level: error
END
    run_in_cluster contour "$program" serve --kubeconfig="$state/kubeconfig" --config-path="$folder/contour.yaml" \
        --kubernetes-client-qps=1000 --kubernetes-client-burst=2000 --disable-leader-election \
        --insecure --xds-address=127.0.0.1 --xds-port=8001 --stats-address=127.0.0.1 --stats-port=8002 \
        --http-address=127.0.0.1 --http-port=8003 --health-address=127.0.0.1 --health-port=8004 \
        --ingress-status-address=127.0.0.1
    rm -f "$folder/contour-envoy.json"
    "$program" bootstrap --xds-address=127.0.0.1 --xds-port=8001 --admin-address="$folder/contour.sock" \
        "$folder/contour-envoy.json" >"$folder/contour-bootstrap.log" 2>&1 || die "Contour made no configuration for Envoy, see $folder/contour-bootstrap.log"
    run_envoy contour-envoy "$(part_of contour envoy)" -c "$folder/contour-envoy.json" --service-cluster contour --service-node contour
}

# Without a route there is no listener yet, so Envoy is asked for its state, which Contour told it.
contour_serves() {
    [[ $(http_status 8004 /healthz) == 200 && $(http_status 8002 /ready) == 200 ]] && is_programmed projectcontour contour
}
