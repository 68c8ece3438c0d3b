//! The mutants go with the product: where a patch does not apply any more, it has to be made anew.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

#[test]
fn every_patch_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(root.join("sim/mutants")).unwrap() {
        let patch = entry.unwrap().path();
        if patch.extension().is_some_and(|extension| extension == "patch") {
            let said = Command::new("git")
                .current_dir(root)
                .args(["apply", "--check"])
                .arg(&patch)
                .output()
                .unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            count += 1;
        }
    }
    assert!(count > 0, "there is none");
}
