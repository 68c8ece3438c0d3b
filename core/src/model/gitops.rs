//! How tools that keep a Deployment as some repository has it can be told. Sources: the tracking labels and field
//! managers of Argo CD (`resource_tracking`) and of Flux (kustomize- and helm-controller).

/// Field managers, each with its tool.
pub const GITOPS_MANAGERS: [(&str, &str); 4] = [
    ("argocd-controller", "Argo CD"),
    ("argocd-application-controller", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
];

/// Labels and annotations that they leave, each with its tool.
pub const GITOPS_MARKS: [(&str, &str); 4] = [
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
];
