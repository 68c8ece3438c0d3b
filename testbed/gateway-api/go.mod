// The CRDs of Gateway API, nothing else. Contour reads BackendTLSPolicy v1alpha3 and TLSRoute v1alpha2, Traefik reads v1 of
// both; this is the release whose experimental channel serves all four.
module rollout-plus.test/testbed/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.5.1
