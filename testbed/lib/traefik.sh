# Traefik: IngressRoute and TraefikService, the routes of Gateway API, and Ingresses of class 'nginx' with the annotations
# of ingress-nginx.

readonly traefik_PROCESSES=(traefik)
readonly traefik_LISTENS=127.0.0.1:8088

# Traefik's Gateway has the port of an entry point.
traefik_objects() {
    cat <<END
apiVersion: v1
kind: Namespace
metadata:
  name: traefik
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: traefik
spec:
  controllerName: traefik.io/gateway-controller
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: traefik
  namespace: traefik
spec:
  gatewayClassName: traefik
  listeners:
  - name: web
    protocol: HTTP
    port: ${traefik_LISTENS##*:}
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: nginx
spec:
  controller: k8s.io/ingress-nginx
END
}

# Its API says what it made of the objects: http://127.0.0.1:8089/api/rawdata.
traefik_start() {
    run_in_cluster traefik env KUBECONFIG="$state/kubeconfig" "$(part_of traefik traefik)" \
        --global.checknewversion=false --global.sendanonymoususage=false \
        --entrypoints.web.address="$traefik_LISTENS" --entrypoints.traefik.address=127.0.0.1:8089 --ping \
        --api.insecure --api.dashboard=false --log.nocolor \
        --metrics.prometheus --metrics.prometheus.entrypoint=traefik \
        --providers.kubernetescrd --providers.kubernetesgateway --providers.kubernetesgateway.statusaddress.ip=127.0.0.1 \
        --providers.kubernetesingressnginx --providers.kubernetesingressnginx.publishstatusaddress=127.0.0.1 \
        --providers.providersthrottleduration=100ms
}

traefik_serves() { [[ $(http_status 8089 /ping) == 200 ]] && is_programmed traefik traefik; }
