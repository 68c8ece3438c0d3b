//! Which lines of kubectl and helm are known to change nothing. Any other line counts as a change.

/// A command that only reads.
struct Reading {
    /// The words that it begins with: a verb, and what follows it where that decides.
    words: &'static [&'static str],
    /// Whether more words may follow, or flags alone.
    more: bool,
    /// Flags with which it writes a file or runs a program.
    except: &'static [&'static str],
}

const fn any(words: &'static [&'static str]) -> Reading {
    Reading { words, more: true, except: &[] }
}

/// Flags of every command of kubectl that write a file.
const EVERYWHERE: &[&str] = &["--profile-output"];

const KUBECTL: &[Reading] = &[
    any(&["api-resources"]),
    any(&["api-versions"]),
    // `auth reconcile` writes roles and bindings.
    any(&["auth", "can-i"]),
    any(&["auth", "whoami"]),
    // `cluster-info dump` writes files.
    Reading { words: &["cluster-info"], more: false, except: &[] },
    any(&["describe"]),
    any(&["diff"]),
    any(&["events"]),
    any(&["explain"]),
    any(&["get"]),
    Reading { words: &["kustomize"], more: true, except: &["-o", "--output", "--enable", "--helm-command"] },
    any(&["logs"]),
    any(&["rollout", "history"]),
    any(&["rollout", "status"]),
    any(&["top"]),
    any(&["version"]),
    any(&["wait"]),
];

const HELM: &[Reading] = &[
    any(&["get"]),
    any(&["history"]),
    any(&["lint"]),
    any(&["list"]),
    any(&["search"]),
    any(&["show"]),
    any(&["status"]),
    Reading { words: &["template"], more: true, except: &["--output-dir", "--post-renderer"] },
    any(&["version"]),
];

/// Whether a command line is known to change nothing, neither in the cluster nor in the workspace.
pub fn only_reads(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let known = match program.as_str() {
        "kubectl" => KUBECTL,
        "helm" => HELM,
        _ => return false,
    };
    known.iter().any(|reading| is(reading, arguments))
}

fn is(reading: &Reading, arguments: &[String]) -> bool {
    let Some((verb, rest)) = arguments.split_at_checked(reading.words.len()) else { return false };
    let has = |flag: &&str| rest.iter().any(|word| word.starts_with(*flag));
    verb == reading.words
        && (reading.more || rest.iter().all(|word| word.starts_with('-')))
        && !reading.except.iter().chain(EVERYWHERE).any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(line: &str) -> bool {
        only_reads(&shlex::split(line).unwrap())
    }

    #[test]
    fn what_only_reads_is_known() {
        for line in [
            "kubectl describe pod a",
            "kubectl auth can-i create pods --list",
            "kubectl auth whoami -o json",
            "kubectl cluster-info --context=a",
            "kubectl kustomize overlays/prod",
            "kubectl rollout status statefulset/db --timeout=60s",
            "helm list",
            "helm template ./chart --set a=b",
        ] {
            assert!(reads(line), "{line}");
        }
    }

    #[test]
    fn what_changes_writes_a_file_or_is_not_known_does_not_only_read() {
        for line in [
            "kubectl auth reconcile -f roles.yaml",
            "kubectl auth",
            "kubectl cluster-info dump --output-directory=/tmp/x",
            "kubectl cluster-info dump",
            "kubectl kustomize overlays/prod -o all.yaml",
            "kubectl kustomize overlays/prod --enable-alpha-plugins",
            "kubectl get pods --profile=cpu --profile-output=x",
            "kubectl rollout restart statefulset/db",
            "kubectl delete -f a",
            "kubectl -n a get b",
            "kubectl",
            "helm template ./chart --output-dir=out",
            "helm template ./chart --post-renderer ./run",
            "helm upgrade web ./chart",
            "helm",
            "sh -c get",
        ] {
            assert!(!reads(line), "{line}");
        }
    }
}
