//! Kinds as people name them to kubectl: `deploy`, `deployments.apps`, `po,svc`, `deployment/web`.

use crate::apply::kinds::BUILT_IN;
use crate::model::Resource;
use crate::model::resource::group;

/// The short names of kinds that Kubernetes serves itself (`kubectl api-resources`).
const SHORT: [(&str, &str); 18] = [
    ("cj", "cronjobs"),
    ("cm", "configmaps"),
    ("crd", "customresourcedefinitions"),
    ("deploy", "deployments"),
    ("ds", "daemonsets"),
    ("ep", "endpoints"),
    ("hpa", "horizontalpodautoscalers"),
    ("ing", "ingresses"),
    ("netpol", "networkpolicies"),
    ("ns", "namespaces"),
    ("pdb", "poddisruptionbudgets"),
    ("po", "pods"),
    ("pvc", "persistentvolumeclaims"),
    ("quota", "resourcequotas"),
    ("rs", "replicasets"),
    ("sa", "serviceaccounts"),
    ("sts", "statefulsets"),
    ("svc", "services"),
];

/// What `all` is (the category of that name).
const ALL: &str =
    "pods,services,daemonsets,deployments,replicasets,statefulsets,horizontalpodautoscalers,cronjobs,jobs";

/// Objects that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Their kind.
    pub resource: Resource,
    /// The name of one; all of the kind without.
    pub name: Option<String>,
}

impl Asked {
    /// Returns the word before the slash where objects of several kinds are shown: `deployment.apps`.
    pub fn prefix(&self) -> String {
        let known = BUILT_IN.iter().find(|(_, _, plural, _)| *plural == self.resource.plural);
        let kind =
            known.map_or_else(|| self.resource.plural.to_string(), |(_, kind, ..)| kind.to_lowercase());
        match group(&self.resource.api_version) {
            "" => kind,
            group => format!("{kind}.{group}"),
        }
    }
}

/// Returns what the words of `kubectl get` ask for; `None` for kinds that are not Kubernetes' own.
pub fn asked(words: &[String]) -> Option<Vec<Asked>> {
    let (first, rest) = words.split_first()?;
    if first.contains('/') {
        let one = |word: &String| {
            let (kind, name) = word.split_once('/')?;
            Some(Asked { resource: resource(kind)?, name: Some(legal(name)?) })
        };
        return words.iter().map(one).collect();
    }
    let listed = if first == "all" { ALL } else { first };
    let resources: Vec<Resource> = listed.split(',').map(resource).collect::<Option<_>>()?;
    if rest.is_empty() {
        return Some(resources.into_iter().map(|resource| Asked { resource, name: None }).collect());
    }
    let of = |resource: &Resource| {
        let one = |name: &String| Some(Asked { resource: resource.clone(), name: Some(legal(name)?) });
        rest.iter().map(one).collect::<Option<Vec<Asked>>>()
    };
    Some(resources.iter().map(of).collect::<Option<Vec<_>>>()?.concat())
}

fn resource(word: &str) -> Option<Resource> {
    let word = word.to_ascii_lowercase();
    let (word, wanted) =
        word.split_once('.').map_or((word.as_str(), None), |(word, group)| (word, Some(group)));
    let word = SHORT.iter().find(|(short, _)| *short == word).map_or(word, |(_, plural)| plural);
    let is = |kind: &str, plural: &str| word == plural || word == kind.to_lowercase();
    let mut found = BUILT_IN.iter().filter(|(_, kind, plural, _)| is(kind, plural));
    let (group, _, plural, namespaced) =
        found.find(|(group, ..)| wanted.is_none_or(|wanted| wanted == *group))?;
    let version = if *group == "autoscaling" { "v2" } else { "v1" };
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(Resource { api_version: api_version.into(), plural: (*plural).into(), namespaced: *namespaced })
}

/// A name goes into a path, and must not lead elsewhere.
fn legal(name: &str) -> Option<String> {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || ".-_:".contains(letter);
    (!name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(letter)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(line: &str) -> Option<Vec<String>> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let path = |one: &Asked| {
            let collection = one.resource.collection(one.resource.namespaced.then_some("shop"));
            format!("{collection}/{}", one.name.as_deref().unwrap_or("*"))
        };
        asked(&words).map(|all| all.iter().map(path).collect())
    }

    #[test]
    fn kinds_come_in_every_form_that_kubectl_takes() {
        let web = Some(vec!["/apis/apps/v1/namespaces/shop/deployments/web".to_owned()]);
        for line in ["deployment web", "deploy/web", "deployments.apps web", "Deployment/web"] {
            assert_eq!(paths(line), web, "{line}");
        }
        assert_eq!(paths("po,ns a").unwrap(), ["/api/v1/namespaces/shop/pods/a", "/api/v1/namespaces/a"]);
        assert_eq!(
            paths("hpa").unwrap(),
            ["/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/*"]
        );
        assert_eq!(paths("all").map(|all| all.len()), Some(9));
        assert_eq!(asked(&["deploy".to_owned()]).unwrap()[0].prefix(), "deployment.apps");
    }

    #[test]
    fn nothing_else_gets_into_a_path() {
        for line in
            ["widgets", "deploy ../secrets", "deploy/a/b", "deploy a?b", "po,widgets", "deploy/web svc"]
        {
            assert_eq!(paths(line), None, "{line}");
        }
    }
}
