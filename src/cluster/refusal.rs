//! What it means that the server refused a request. All that is not allowed is a 403, and but for the words there is
//! nothing that tells a right that lacks from a quota that is full.

/// What the server says of a JSON Patch that does not apply to the object as it is: a `test` of it failed, or a path is gone. It
/// does not tell which (`applyJSPatch` in `pkg/endpoints/handlers/patch.go` of kubernetes/apiserver, `NewGenericServerResponse`
/// in `pkg/api/errors` of kubernetes/apimachinery). A field that is not valid is named instead.
const DOES_NOT_APPLY: &str = "the server rejected our request due to an error in our request";

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The credential is not taken.
    Credential,
    /// Without one the request is not allowed.
    Anonymous,
    /// A right lacks.
    Rights,
    /// A quota is full.
    Quota,
    /// The namespace is being deleted.
    Terminating,
    /// Limits, pod security, a webhook or a policy of the cluster.
    Policy,
    /// Something on the way to the API server refused it.
    OnTheWay,
    /// Another client wrote at the same moment.
    Conflict,
    /// The server speaks TLS, and we do not.
    InClear,
    /// Something else.
    Other,
}

impl Refusal {
    /// Finds out what it means. `reason` is that of the Status, empty where the answer is none.
    pub(super) fn of(code: u16, reason: &str, message: &str) -> Self {
        let has = |words: &str| message.contains(words);
        match code {
            400 if has("HTTP request to an HTTPS server") => Self::InClear,
            401 => Self::Credential,
            // `forbiddenMessage` in `pkg/endpoints/handlers/responsewriters` of kubernetes/apiserver.
            403 if has("User \"system:anonymous\" cannot ") => Self::Anonymous,
            403 if has("User \"") && has(" cannot ") => Self::Rights,
            // `plugin/pkg/admission/resourcequota`.
            403 if ["exceeded quota", "failed quota", "status unknown for quota"].into_iter().any(has) => {
                Self::Quota
            }
            403 if has("because it is being terminated") => Self::Terminating,
            403 if reason.is_empty() => Self::OnTheWay,
            403 => Self::Policy,
            409 => Self::Conflict,
            422 if message == DOES_NOT_APPLY => Self::Conflict,
            _ => Self::Other,
        }
    }

    /// Returns what to type next.
    pub(super) fn next(self, namespace: &str) -> Option<String> {
        Some(match self {
            Self::Credential | Self::Anonymous | Self::OnTheWay => "kubectl rollout-plus doctor".into(),
            Self::Rights => "kubectl auth can-i --list".into(),
            Self::Quota => format!("kubectl describe resourcequota -n {namespace}"),
            Self::Terminating => format!("kubectl get namespace {namespace}"),
            // It shows the limits, and the labels that pod security goes by.
            Self::Policy => format!("kubectl describe namespace {namespace}"),
            Self::Conflict => "the same command again: another client wrote at that moment".into(),
            Self::InClear => "kubectl config set-cluster NAME --server=https://HOST:PORT".into(),
            Self::Other => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_403_is_told_by_its_words() {
        let forbidden = |message: &str| Refusal::of(403, "Forbidden", message);
        for (message, wanted) in [
            (
                r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "shop""#,
                Refusal::Rights,
            ),
            (
                r#"users "x" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope"#,
                Refusal::Rights,
            ),
            (r#"pods is forbidden: User "system:anonymous" cannot list resource "pods""#, Refusal::Anonymous),
            (
                r#"services "web-preview" is forbidden: exceeded quota: objects, requested: services=1, used: services=2, limited: services=2"#,
                Refusal::Quota,
            ),
            (r#"pods "x" is forbidden: failed quota: q: must specify limits.cpu for: app"#, Refusal::Quota),
            (
                r#"services "x" is forbidden: unable to create new content in namespace shop because it is being terminated"#,
                Refusal::Terminating,
            ),
            (
                r#"pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2"#,
                Refusal::Policy,
            ),
            (
                r#"pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true"#,
                Refusal::Policy,
            ),
            (r#"admission webhook "policy.example.org" denied the request: no"#, Refusal::Policy),
        ] {
            assert_eq!(forbidden(message), wanted, "{message}");
        }
        assert_eq!(Refusal::of(403, "", "<html>Access denied by proxy"), Refusal::OnTheWay);
        assert_eq!(Refusal::of(409, "Conflict", "the object has been modified"), Refusal::Conflict);
        assert_eq!(Refusal::of(404, "NotFound", "x"), Refusal::Other);
    }

    #[test]
    fn a_patch_whose_tests_fail_is_a_conflict_and_a_wrong_field_is_none() {
        let invalid = |message: &str| Refusal::of(422, "Invalid", message);
        assert_eq!(
            invalid("the server rejected our request due to an error in our request"),
            Refusal::Conflict
        );
        let wrong = r#"Deployment.apps "web" is invalid: spec.progressDeadlineSeconds: Invalid value: 1: must be greater than minReadySeconds"#;
        assert_eq!(invalid(wrong), Refusal::Other);
    }

    #[test]
    fn only_a_right_that_lacks_is_answered_with_rights() {
        let next = |refusal: Refusal| refusal.next("shop").unwrap_or_default();
        assert_eq!(next(Refusal::Rights), "kubectl auth can-i --list");
        assert_eq!(next(Refusal::Quota), "kubectl describe resourcequota -n shop");
        assert!(!next(Refusal::Conflict).is_empty());
    }
}
