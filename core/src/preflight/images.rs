//! RP002: images that do not say which version they are, and a version that is none.

use crate::model::{Reference, same_template};
use crate::preflight::{Facts, Finding, Judged, Level, Subject};

/// A tag that moves makes "back to stable" mean something else tomorrow.
pub(super) fn tags(subject: &Subject, _: &Facts) -> Judged {
    let mut found = Vec::new();
    for (path, container) in subject.all_containers() {
        let image = container["image"].as_str().unwrap_or_default();
        let Reference { tag, digest, .. } = Reference::of(image);
        let problem = match tag {
            // A digest says it all, whatever the tag.
            _ if digest.is_some() => continue,
            None => "has no tag, which means latest",
            Some("latest") => "has the tag latest",
            Some(_) => continue,
        };
        found.push(Finding::warning(
            format!("{path}.image"),
            format!("{image} {problem}: old and new pods may run the same or any version"),
            "name a version tag or, better, a digest",
        ));
    }
    Ok(found)
}

/// Without a change of the template there is no second version.
pub(super) fn same_as_live(subject: &Subject, _: &Facts) -> Judged {
    let new = &subject.deployment.spec.template;
    let same = subject.live.as_ref().is_some_and(|live| same_template(&live.spec.template, new));
    Ok(if same && !subject.pending {
        vec![Finding::new(
            Level::Info,
            "spec.template",
            "is the live one: no new pods would appear",
            "change the image or the template",
        )]
    } else {
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::{facts, subject};

    #[test]
    fn moving_tags_are_found_and_versions_and_digests_are_not() {
        for (image, count) in [
            ("web:2", 0),
            ("web", 1),
            ("web:latest", 1),
            ("registry:5000/web", 1),
            ("registry:5000/shop/web:v2", 0),
            ("web@sha256:abc", 0),
            ("registry:5000/web:latest@sha256:abc", 0),
        ] {
            let mut subject = subject();
            subject.deployment.spec.template["spec"]["containers"][0]["image"] = json!(image);
            assert_eq!(tags(&subject, &facts()).unwrap().len(), count, "{image}");
        }
    }

    #[test]
    fn the_live_template_is_no_new_version() {
        assert_eq!(same_as_live(&subject(), &facts()), Ok(vec![]));
        let mut same = subject();
        same.deployment = same.live.clone().unwrap();
        assert_eq!(same_as_live(&same, &facts()).unwrap()[0].level, Level::Info);
        same.pending = true;
        assert_eq!(same_as_live(&same, &facts()), Ok(vec![]), "a pending template is live already");
    }
}
