//! Files with a secret: their owner's alone, whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::credentials::{ExposeSecret, Secret};
use crate::error::{Error, Kind};

/// Writes a credential. A file that is there is replaced only if it has the mark of an earlier delivery.
///
/// # Errors
/// Names the file, and never what goes into it.
pub(crate) fn write(path: &Path, content: &Secret, mark: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Infrastructure, format!("write the credential to {}: {error}", path.display()))
    };
    match fs::read_to_string(path) {
        Ok(old) if !is_marked(&old, mark) => {
            return Err(Error::usage(format!("{} is there and holds something else", path.display()))
                .next("name another file, or remove it first"));
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if path.file_name().is_none() {
        return Err(Error::usage(format!("{} names no file", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let why =
            format!("write the credential to {}: there is no folder {}", path.display(), folder.display());
        return Err(Error::new(Kind::Infrastructure, why));
    }
    // Its owner's alone from the first moment on, under a name that nobody has, and gone if it does not take the place.
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(folder).map_err(failed)?;
    file.write_all(content.expose_secret().as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Whether a file is a delivery with this mark: its first line says so, or in JSON `madeBy`.
fn is_marked(text: &str, mark: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let made_by = || serde_json::from_str::<Value>(text).ok()?.get("madeBy")?.as_str().map(str::to_owned);
    line.strip_prefix("# ") == Some(mark) || made_by().as_deref() == Some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_its_owners_and_replaces_its_own_kind_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ci.env");
        let content = |text: &str| Secret::from(format!("# mark\n{text}"));
        write(&path, &content("one"), "mark").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write(&path, &content("two"), "mark").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mark\ntwo");
        fs::write(&path, "PASSWORD=x").unwrap();
        let error = write(&path, &content("hush"), "mark").unwrap_err();
        assert!(error.message.ends_with("holds something else") && !error.message.contains("hush"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "PASSWORD=x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(write(&folder.path().join("no/such"), &content("hush"), "mark").is_err());
    }

    #[test]
    fn the_file_of_another_account_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mark = |namespace: &str| format!("kubectl rollout-plus bootstrap ci -n {namespace}");
        let forms: [fn(&str) -> String; 2] =
            [|mark| format!("# {mark}\nA=1\n"), |mark| serde_json::json!({"madeBy": mark}).to_string()];
        for (index, form) in forms.iter().enumerate() {
            let path = folder.path().join(index.to_string());
            fs::write(&path, form(&mark("shop-prod"))).unwrap();
            let content = |namespace: &str| Secret::from(form(&mark(namespace)));
            let error = write(&path, &content("shop"), &mark("shop")).unwrap_err();
            assert!(error.message.ends_with("holds something else"), "{}", error.message);
            write(&path, &content("shop-prod"), &mark("shop-prod")).unwrap();
        }
        let path = folder.path().join("quoted");
        fs::write(&path, format!("PASSWORD=x\n# {}\n", mark("shop"))).unwrap();
        assert!(write(&path, &Secret::from(""), &mark("shop")).is_err(), "it is not the first line");
    }

    #[test]
    fn what_is_beside_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ci.env");
        let beside = folder.path().join(format!(".ci.env.{}", std::process::id()));
        fs::write(&beside, "somebody's").unwrap();
        write(&path, &Secret::from("# mark\n"), "mark").unwrap();
        assert_eq!(fs::read_to_string(&beside).unwrap(), "somebody's");
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "# mark\n").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, &Secret::from("# mark\nhush"), "mark").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "# mark\n");
        assert!(!link.is_symlink());
    }
}
