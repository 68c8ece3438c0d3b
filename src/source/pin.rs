//! Digests in place of tags alone: of the images that pods of a namespace run, so that what was tried there is what is
//! rolled out here, even if somebody has moved the tag since.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{Error, Kind};
use crate::model::Reference;

/// Returns the template with a digest behind the tag of each image that is new.
///
/// # Errors
/// [`Kind::Refused`] if no pod of the namespace runs an image, or pods run several images of its name.
pub(super) async fn pinned(
    cluster: &Cluster,
    namespace: &str,
    template: Value,
    live: &Value,
) -> Result<Value, Error> {
    if new_images(&template, live).is_empty() {
        return Ok(template);
    }
    let pulled = cluster.pods_in(namespace, |pod| Some(pulled(&pod))).await?.concat();
    with_digests(template, live, &pulled, namespace)
}

/// An image as a pod names it, and its identity as the kubelet reports it.
#[derive(Clone)]
struct Pulled {
    image: String,
    id: String,
}

/// Returns what the containers of a pod have pulled. The statuses of containers may name an image by another of its
/// tags, so the names are those of the spec. A pod that is deleted may be of a time before the tag was moved.
fn pulled(pod: &Value) -> Vec<Pulled> {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return Vec::new();
    }
    let lists = [("containers", "containerStatuses"), ("initContainers", "initContainerStatuses")];
    let mut found = Vec::new();
    for (containers, statuses) in lists {
        for container in pod["spec"][containers].as_array().into_iter().flatten() {
            let statuses = pod["status"][statuses].as_array().into_iter().flatten();
            let status = statuses.into_iter().find(|status| status["name"] == container["name"]);
            let id = status.and_then(|status| status["imageID"].as_str()).unwrap_or_default();
            if let (Some(image), false) = (container["image"].as_str(), id.is_empty()) {
                found.push(Pulled { image: image.to_owned(), id: id.to_owned() });
            }
        }
    }
    found
}

/// Returns the places in a template of images by tag that the live template does not have in the same container.
fn new_images(template: &Value, live: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for list in ["initContainers", "containers"] {
        let containers = |template: &Value| template["spec"][list].as_array().cloned().unwrap_or_default();
        let live = containers(live);
        for (index, container) in containers(template).iter().enumerate() {
            let same = live
                .iter()
                .any(|other| other["name"] == container["name"] && other["image"] == container["image"]);
            let image = container["image"].as_str().unwrap_or_default();
            if !same && !image.is_empty() && !image.contains('@') {
                found.push((format!("/spec/{list}/{index}/image"), image.to_owned()));
            }
        }
    }
    found
}

fn with_digests(
    mut template: Value,
    live: &Value,
    pulled: &[Pulled],
    namespace: &str,
) -> Result<Value, Error> {
    for (place, image) in new_images(&template, live) {
        let digest = digest(&image, pulled, namespace)?;
        if let Some(field) = template.pointer_mut(&place) {
            *field = Value::from(format!("{image}@{digest}"));
        }
    }
    Ok(template)
}

fn digest<'a>(image: &str, pulled: &'a [Pulled], namespace: &str) -> Result<&'a str, Error> {
    let repository = Reference::of(image).repository;
    let doing = format!("pin {image} to what namespace {namespace} runs");
    let of_it: Vec<&Pulled> = pulled.iter().filter(|pulled| same_name(&pulled.image, image)).collect();
    let digests: BTreeSet<&str> =
        of_it.iter().filter_map(|pulled| digest_from(&pulled.id, repository)).collect();
    let digests: Vec<&str> = digests.into_iter().collect();
    match digests[..] {
        [digest] => Ok(digest),
        [] if of_it.is_empty() => Err(Error::new(Kind::Refused, format!("{doing}: no pod there runs it"))
            .next(format!("kubectl get pods -n {namespace} -o wide"))
            .next("roll the version out there first, or leave --pin-digest out")),
        [] => Err(Error::new(
            Kind::Refused,
            format!("{doing}: its pods do not say by which digest {repository} has it"),
        )
        .next(format!("write the digest yourself: --image {image}@sha256:..."))),
        _ => Err(Error::new(
            Kind::Refused,
            format!("{doing}: the tag was moved, its pods run {}", digests.join(" and ")),
        )
        .next(format!("--image {image}@{}", digests.first().copied().unwrap_or_default()))),
    }
}

/// Whether two references mean one tag of one repository.
fn same_name(a: &str, b: &str) -> bool {
    let (a, b) = (Reference::of(a), Reference::of(b));
    full(a.repository) == full(b.repository) && a.tag == b.tag
}

/// Returns a repository with the registry that is meant if none is named (distribution/reference `normalize.go`).
fn full(repository: &str) -> String {
    let has_registry = repository.split_once('/').is_some_and(|(first, _)| {
        first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase)
    });
    match repository {
        _ if has_registry => repository.to_owned(),
        _ if repository.contains('/') => format!("docker.io/{repository}"),
        _ => format!("docker.io/library/{repository}"),
    }
}

/// Returns the digest of an `imageID`, which is `[SCHEME://]REPOSITORY@DIGEST` of an image that was pulled. The same
/// image from another repository has a digest that this one may not know.
fn digest_from<'a>(id: &'a str, wanted: &str) -> Option<&'a str> {
    let Reference { repository, digest, .. } =
        Reference::of(id.split_once("://").map_or(id, |(_, rest)| rest));
    let digest = digest?;
    let hex = digest.strip_prefix("sha256:")?;
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && full(repository) == full(wanted)).then_some(digest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest_of(letter: char) -> String {
        format!("sha256:{}", letter.to_string().repeat(64))
    }

    fn pod(image: &str, id: &str) -> Value {
        json!({"spec": {"containers": [{"name": "web", "image": image}]},
            "status": {"containerStatuses": [{"name": "web", "image": "another:tag", "imageID": id}]}})
    }

    fn template(image: &str) -> Value {
        json!({"spec": {"containers": [{"name": "web", "image": image}, {"name": "log", "image": "log:1"}]}})
    }

    fn pin(image: &str, pods: &[Value]) -> Result<String, String> {
        let pulled: Vec<Pulled> = pods.iter().flat_map(pulled).collect();
        let pinned = with_digests(template(image), &template("web:v1"), &pulled, "staging");
        pinned
            .map(|template| {
                assert_eq!(template["spec"]["containers"][1]["image"], "log:1", "it is not new");
                template["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
            })
            .map_err(|error| error.message)
    }

    #[test]
    fn a_tag_gets_the_digest_of_the_pods_that_run_it() {
        let a = digest_of('a');
        for (image, running, id) in [
            ("shop/web:v2", "shop/web:v2", format!("docker.io/shop/web@{a}")),
            ("web:v2", "docker.io/library/web:v2", format!("docker-pullable://web@{a}")),
            ("r.test:5000/web", "r.test:5000/web", format!("r.test:5000/web@{a}")),
            ("shop/web:v2", &format!("shop/web:v2@{a}"), format!("docker.io/shop/web@{a}")),
        ] {
            assert_eq!(pin(image, &[pod("x:1", "x"), pod(running, &id)]), Ok(format!("{image}@{a}")));
        }
    }

    #[test]
    fn what_is_live_or_has_a_digest_is_left_alone() {
        let pinned = format!("web:v2@{}", digest_of('b'));
        assert_eq!(pin("web:v1", &[]), Ok("web:v1".to_owned()));
        assert_eq!(pin(&pinned, &[]), Ok(pinned));
    }

    #[test]
    fn what_nobody_runs_or_what_is_two_things_is_refused() {
        let id = |letter| format!("docker.io/library/web@{}", digest_of(letter));
        for (pods, said) in [
            (vec![], "no pod there runs it"),
            (vec![pod("web:v3", &id('a'))], "no pod there runs it"),
            (vec![pod("r.test/web:v2", &id('a'))], "no pod there runs it"),
            (vec![pod("web:v2", "")], "no pod there runs it"),
            (vec![pod("web:v2", &digest_of('a'))], "do not say by which digest web has it"),
            (vec![pod("web:v2", &format!("other/web@{}", digest_of('a')))], "do not say by which digest"),
            (vec![pod("web:v2", &id('a')), pod("web:v2", &id('b'))], "the tag was moved"),
        ] {
            let refused = pin("web:v2", &pods).unwrap_err();
            assert!(refused.contains(said) && refused.contains("staging"), "{refused}");
        }
    }
}
