//! Files for others to read, whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Writes a file. It appears whole or not at all, and what stood there before is replaced, never followed: the workspace
/// of a build may hold links that somebody else has put there.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Finds out whether a file can be written there, and leaves nothing.
pub(super) fn check(path: &Path) -> io::Result<()> {
    beside(path).map(drop)
}

/// Makes a file of its own name in the same folder.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rollout-plus-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any file that is made, less the umask: a report is for others to read.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // The error names the passing file, which says nothing to anybody.
    let own = |error: io::Error| {
        let text = error.to_string();
        let told = text.split_once(" at path ").map_or(text.as_str(), |(told, _)| told);
        io::Error::new(error.kind(), told.to_owned())
    };
    builder.tempfile_in(folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf)).map_err(own)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_written_whole_and_others_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(dir.path().join("usual"), "").unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions();
        assert_eq!(mode("run.json"), mode("usual"));
        let nowhere = Path::new("/no/such/folder/x");
        for failed in [write(nowhere, "").unwrap_err(), check(nowhere).unwrap_err()] {
            assert_eq!(failed.to_string(), "No such file or directory (os error 2)");
        }
        check(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the check leaves nothing");
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("run.xml"), dir.path().join("precious"));
        fs::write(&other, "precious").unwrap();
        for link in ["run.xml", "run.xml.part"] {
            symlink(&other, dir.path().join(link)).unwrap();
        }
        write(&path, "report").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap(), "report");
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
    }
}
