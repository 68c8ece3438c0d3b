//! What is shipped: krew's manifest and archives keep krew's rules, and the image is pinned and not root's.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "krew compares them so")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

#[path = "packaging/krew.rs"]
mod krew;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PLATFORMS: [&str; 5] = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"];

/// Packs a made-up binary for these platforms.
fn archives(platforms: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("built");
    std::fs::write(&binary, "not a real binary").unwrap();
    for platform in platforms {
        let mut pack = Command::new(format!("{ROOT}/packaging/archive"));
        let packed = pack.arg(platform).arg(&binary).arg(folder.path()).output().unwrap();
        assert!(packed.status.success(), "{packed:?}");
    }
    folder
}

fn manifest(folder: &Path, address: Option<&str>) -> Output {
    let mut command = Command::new(format!("{ROOT}/packaging/krew-manifest"));
    command.arg(folder).env_remove("ROLLOUT_PLUS_SOURCE");
    command.envs(address.map(|address| ("ROLLOUT_PLUS_SOURCE", address)));
    command.output().unwrap()
}

/// The manifest for the archives of this folder.
fn filled(folder: &Path) -> Value {
    let output = manifest(folder, Some("https://git.example.org/shop/rollout-plus"));
    assert!(output.status.success(), "{output:?}");
    serde_saphyr::from_str(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
}

/// What is wrong with a manifest, of which the archives are in this folder.
fn violations(manifest: &Value, folder: &Path) -> Vec<String> {
    let archive = |name: &str| Some(folder.join(name)).filter(|path: &PathBuf| path.exists());
    krew::violations(manifest, "rollout-plus.yaml", archive)
}

#[test]
fn the_manifest_keeps_krews_rules_and_is_of_this_version() {
    let folder = archives(&PLATFORMS);
    let manifest = filled(folder.path());
    assert_eq!(violations(&manifest, folder.path()), Vec::<String>::new());
    assert_eq!(manifest["spec"]["version"], concat!("v", env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest["spec"]["platforms"].as_array().unwrap().len(), PLATFORMS.len());
    let text = manifest.to_string();
    assert!(!text.contains("${") && text.matches("https://git.example.org/shop/").count() == 6, "{text}");
}

#[test]
fn a_platform_without_an_archive_is_left_out() {
    let folder = archives(&["linux-arm64"]);
    let manifest = filled(folder.path());
    assert_eq!(violations(&manifest, folder.path()), Vec::<String>::new());
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 1);
    assert_eq!(platforms[0]["selector"]["matchLabels"], json!({"os": "linux", "arch": "arm64"}));
}

#[test]
fn nothing_is_printed_without_an_address_or_an_archive() {
    let folder = archives(&["linux-amd64"]);
    for address in [None, Some(""), Some("http://git.example.org/x"), Some("https://git.example.org/$(id)")] {
        let output = manifest(folder.path(), address);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{address:?}: {output:?}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(manifest(empty.path(), Some("https://git.example.org/x")).status.code(), Some(1));
}

/// Each rule finds what breaks it.
#[test]
fn a_manifest_that_breaks_a_rule_is_found() {
    let folder = archives(&PLATFORMS);
    let good = filled(folder.path());
    let breaks: [(&str, Value, &str); 16] = [
        ("/apiVersion", json!("v1"), "apiVersion"),
        ("/kind", json!("Index"), "kind"),
        ("/metadata/name", json!("rollout plus"), "letters, digits"),
        ("/metadata/name", json!("other"), "the file is named"),
        ("/spec/version", json!("0.1.0"), "semantic version"),
        ("/spec/version", json!("v1"), "semantic version"),
        ("/spec/shortDescription", json!("two\nlines"), "one line"),
        ("/spec/shortDescription", json!("x".repeat(51)), "50 letters"),
        ("/spec/description", json!("x".repeat(81)), "80 letters"),
        ("/spec/platforms", json!([]), "no platform"),
        ("/spec/platforms/0/uri", json!("https://git.example.org/x.tar.xz"), ".tar.gz or .zip"),
        ("/spec/platforms/0/sha256", json!("0".repeat(64)), "not the sum"),
        ("/spec/platforms/0/sha256", json!("ABC"), "64 hexadecimal"),
        ("/spec/platforms/0/selector/matchLabels", json!({"os": "linux", "cpu": "x"}), "only os and arch"),
        ("/spec/platforms/1/selector/matchLabels/arch", json!("amd64"), "twice"),
        ("/spec/platforms/4/bin", json!("kubectl-rollout_plus"), ".exe"),
    ];
    for (pointer, value, told) in breaks {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let found = violations(&bad, folder.path());
        assert!(found.iter().any(|violation| violation.contains(told)), "{pointer}: {found:?}");
    }
    let mut bad = good.clone();
    bad["spec"]["platforms"][0]["files"] = json!([]);
    assert!(violations(&bad, folder.path())[0].contains("files"));
    let mut bad = good;
    bad["spec"]["platforms"][0]["bin"] = json!("kubectl-rollout-plus");
    assert!(violations(&bad, folder.path())[0].contains("is not in the archive"));
}

#[test]
fn an_archive_without_the_licence_is_found() {
    let folder = archives(&["linux-amd64"]);
    let archive = folder.path().join("kubectl-rollout_plus-linux-amd64.tar.gz");
    std::fs::write(folder.path().join("kubectl-rollout_plus"), "binary").unwrap();
    let mut pack = Command::new("tar");
    pack.arg("-C").arg(folder.path()).arg("-czf").arg(&archive).arg("kubectl-rollout_plus");
    assert!(pack.status().unwrap().success());
    let found = violations(&filled(folder.path()), folder.path());
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("LICENSE"), "{found:?}");
}

/// What Docker would be given: Cargo asks for all targets that the manifest names.
#[test]
fn the_build_finds_all_it_needs_in_the_context() {
    let ignore = std::fs::read_to_string(format!("{ROOT}/.dockerignore")).unwrap();
    let context = tempfile::tempdir().unwrap();
    let taken: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*") && taken.contains(&"Makefile"), "{ignore}");
    for entry in taken {
        let place = context.path().join(entry);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(format!("{ROOT}/{entry}"), place).unwrap();
        assert!(context.path().join(entry).exists(), "there is no {entry}");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"])
        .current_dir(&context);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(
        packages.len(),
        5,
        "the tool, its core, the sample shop, the simulator and the bench's server"
    );
    for target in packages.iter().flat_map(|package| package["targets"].as_array().unwrap()) {
        assert!(Path::new(target["src_path"].as_str().unwrap()).exists(), "{target}");
    }
}

#[test]
fn the_image_is_pinned_and_not_roots() {
    let text = std::fs::read_to_string(format!("{ROOT}/Dockerfile")).unwrap();
    let instructions: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let of = |word: &str| -> Vec<&str> {
        instructions.iter().filter_map(|line| line.strip_prefix(word)).collect()
    };
    let bases = of("FROM ");
    assert_eq!(bases.last(), Some(&"scratch"));
    let arguments = of("ARG ");
    for base in &bases[..bases.len() - 1] {
        // One that may be replaced by a digest has its default.
        let name = base.strip_prefix('$').map(|rest| rest.split(' ').next().unwrap());
        let default =
            name.and_then(|name| arguments.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix('=')));
        let base = default.unwrap_or(base);
        let tag = base.split_once(':').expect("a tag").1;
        // Three numbers: a shorter tag moves.
        assert_eq!(tag.split(['-', ' ']).next().unwrap().split('.').count(), 3, "{base}");
    }
    assert_eq!(of("USER "), ["65532:65532"]);
    assert_eq!(of("ENTRYPOINT "), [r#"["/kubectl-rollout_plus"]"#]);
    assert!(of("ADD ").is_empty() && !text.contains(":latest"));
    for label in ["title", "description", "licenses", "version", "revision", "created", "source"] {
        assert!(text.contains(&format!("org.opencontainers.image.{label}=")), "{label}");
    }
}
