//! Files with a secret: their owner's alone, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

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
        Ok(old) if !old.contains(mark) => {
            return Err(Error::usage(format!("{} is there and holds something else", path.display()))
                .next("name another file, or remove it first"));
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let name = path.file_name().ok_or_else(|| Error::usage(format!("{} names no file", path.display())))?;
    let beside = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = make(&beside).and_then(|mut file| {
        file.write_all(content.expose_secret().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        // What was made of it must not stay.
        fs::remove_file(&beside).unwrap_or(());
        failed(error)
    })
}

/// Makes a file that was not there, for its owner alone from the first moment on.
fn make(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
        write(&path, &content("one"), "# mark").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write(&path, &content("two"), "# mark").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mark\ntwo");
        fs::write(&path, "PASSWORD=x").unwrap();
        let error = write(&path, &content("hush"), "# mark").unwrap_err();
        assert!(error.message.ends_with("holds something else") && !error.message.contains("hush"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "PASSWORD=x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(write(&folder.path().join("no/such"), &content("hush"), "# mark").is_err());
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "# mark\n").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, &Secret::from("# mark\nhush"), "# mark").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "# mark\n");
        assert!(!link.is_symlink());
    }
}
