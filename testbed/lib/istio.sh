# Istio's control plane and one ingress gateway of it, which is a stock Envoy: VirtualService and DestinationRule.

readonly istio_PROCESSES=(istio-pilot istio-envoy)
readonly istio_LISTENS=127.0.0.1:8090

istio_objects() {
    cat <<END
apiVersion: v1
kind: Namespace
metadata:
  name: istio-system
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: gateway
  namespace: istio-system
spec:
  selector:
    istio: ingressgateway
  servers:
  - port: {number: ${istio_LISTENS##*:}, name: http, protocol: HTTP}
    hosts: ['*']
END
}

# enableAutoMtls: there is no authority for certificates, and Envoy would wait for one for ever.
istio_mesh_config() {
    cat <<END
rootNamespace: istio-system
enableTracing: false
enableAutoMtls: false
defaultConfig: {discoveryAddress: "127.0.0.1:15010"}
END
}

# What the agent of Istio would write: this Envoy is a gateway with the label that the Gateway selects.
istio_bootstrap() {
    cat <<END
node:
  id: router~$NODE_ADDRESS~gateway.istio-system~istio-system.svc.cluster.local
  cluster: gateway.istio-system
  metadata: {LABELS: {istio: ingressgateway}, NAMESPACE: istio-system, CLUSTER_ID: Kubernetes, ISTIO_VERSION: 1.31.0}
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: 15000}}
dynamic_resources:
  ads_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: pilot}}]
  lds_config: {ads: {}, resource_api_version: V3}
  cds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: pilot
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: pilot
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 15010}}}
END
}

# The features that are switched off need Istio's own Envoy, its certificates, or webhooks. Gateway API is left to the others.
istio_start() {
    local folder=$state/data-planes
    istio_mesh_config >"$folder/istio-mesh.yaml"
    istio_bootstrap >"$folder/istio-envoy.yaml"
    run_in_cluster istio-pilot env POD_NAMESPACE=istio-system ENABLE_CA_SERVER=false ENABLE_LEADER_ELECTION=false \
        PILOT_ENABLE_METADATA_EXCHANGE=false PILOT_ENABLE_ALPN_FILTER=false PILOT_ENABLE_GATEWAY_API=false \
        PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER=false VALIDATION_WEBHOOK_CONFIG_NAME= INJECTION_WEBHOOK_CONFIG_NAME= \
        "$(part_of istio pilot-discovery)" discovery --kubeconfig "$state/kubeconfig" --meshConfig "$folder/istio-mesh.yaml" \
        --registries Kubernetes --grpcAddr 127.0.0.1:15010 --httpAddr 127.0.0.1:18080 --httpsAddr "" --secureGRPCAddr "" \
        --monitoringAddr 127.0.0.1:15014
    run_envoy istio-envoy "$(part_of istio envoy)" -c "$folder/istio-envoy.yaml"
}

# Without a VirtualService every request is answered by 404.
istio_serves() { [[ $(http_status 18080 /ready) == 200 && $(http_status "${istio_LISTENS##*:}" /) =~ ^[1-5] ]]; }
