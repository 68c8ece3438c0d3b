//! What stands in the reports of a run.

use std::fs;

use insta::assert_snapshot;

use super::stage::play;

/// Runs a line with a report in each form, and returns what stands in them.
fn reported(line: &str) -> String {
    play(async |stage| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        stage.hides(path, "DIR");
        let forms = ["junit", "markdown", "json"];
        let reports = forms.map(|form| format!("{form}={path}/{form}")).join(",");
        stage.types(&format!("{line} --report {reports}")).await;
        for form in forms {
            let text = fs::read_to_string(folder.path().join(form)).unwrap();
            stage.reads(form, &text);
        }
    })
}

#[test]
fn of_a_canary_that_succeeds() {
    assert_snapshot!(reported("canary web --image shop:v2-good --weight 25 --promote -n shop"));
}

#[test]
fn of_a_canary_that_crashes() {
    assert_snapshot!(reported("canary web --image shop:v2-crash --weight 25 -n shop"));
}

#[test]
fn of_a_canary_that_is_refused() {
    assert_snapshot!(reported("canary web --image shop:v1-good --weight 25 -n shop"));
}
