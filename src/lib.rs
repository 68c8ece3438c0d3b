//! Progressive delivery for Kubernetes with nothing installed in the cluster.
