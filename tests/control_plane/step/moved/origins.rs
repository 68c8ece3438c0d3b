//! Where Deployments come from.

/// How a Deployment came to be as it is, and what is said of it.
pub struct Origin {
    pub name: &'static str,
    pub made: &'static [&'static str],
    pub changed: &'static [&'static str],
    /// Who is named when `apply` will not write over it.
    pub refusal: Option<&'static str>,
    /// The conflict that `kubectl apply --server-side` has without `--force-conflicts`.
    pub conflict: Option<&'static str>,
    /// The tool that keeps it as a repository has it.
    pub kept_by: Option<&'static str>,
}

pub const ORIGINS: [Origin; 8] = [
    Origin { name: "apply", made: &["apply"], changed: &[], refusal: None, conflict: None, kept_by: None },
    Origin {
        name: "set",
        made: &["apply"],
        changed: &["set", "image", "NAMES", "web=shop/web:v3"],
        refusal: Some("kubectl-set changed spec.template.spec.containers[name=\"web\"].image at 20"),
        conflict: Some("conflict with \"kubectl-set\" using apps/v1: .spec.template."),
        kept_by: None,
    },
    Origin {
        name: "edit",
        made: &["apply"],
        changed: &["edit", "NAMES"],
        refusal: Some("kubectl-edit changed spec.template.spec."),
        conflict: Some("conflict with \"kubectl-edit\" using apps/v1: .spec.template."),
        kept_by: None,
    },
    Origin {
        name: "scale",
        made: &["apply"],
        changed: &["scale", "NAMES", "--replicas=3"],
        // Who scales by hand or by an autoscaler keeps the number: our `apply` leaves it, and says so.
        refusal: None,
        conflict: Some("conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas"),
        kept_by: None,
    },
    Origin {
        name: "helm3",
        made: &["create", "--field-manager=helm"],
        changed: &[],
        refusal: Some("helm changed spec.template.spec."),
        conflict: Some("conflict with \"helm\" using apps/v1: .spec.template."),
        kept_by: None,
    },
    Origin {
        name: "helm4",
        made: &["apply", "--server-side", "--field-manager=helm"],
        changed: &[],
        refusal: Some("helm applied spec.template."),
        conflict: Some("conflict with \"helm\": .spec.template."),
        kept_by: None,
    },
    Origin {
        name: "argo",
        made: &["apply", "--server-side", "--field-manager=argocd-controller"],
        changed: &[],
        refusal: Some("argocd-controller applied spec.template."),
        conflict: Some("conflict with \"argocd-controller\": .spec.template."),
        kept_by: Some("Argo CD"),
    },
    Origin {
        name: "flux",
        made: &["apply", "--server-side", "--field-manager=kustomize-controller"],
        changed: &[],
        refusal: Some("kustomize-controller applied spec.template."),
        conflict: Some("conflict with \"kustomize-controller\": .spec.template."),
        kept_by: Some("Flux"),
    },
];
