//! One verdict on several objects.

use crate::error::{Error, Kind};

/// From the worst on: a version that failed says more than a deadline that passed meanwhile.
const WORST_FIRST: [Kind; 9] = [
    Kind::VersionFailed,
    Kind::Infrastructure,
    Kind::Deadline,
    Kind::Locked,
    Kind::Cluster,
    Kind::Refused,
    Kind::Usage,
    Kind::NotEnoughData,
    Kind::Interrupted,
];

/// How many are told: machines have been told of each.
const TOLD: usize = 8;

/// Joins errors into one with the kind of the worst.
///
/// # Errors
/// If there is at least one.
pub fn one(errors: Vec<Error>, what: &str) -> Result<(), Error> {
    let count = errors.len();
    let rank = |error: &Error| WORST_FIRST.iter().position(|kind| *kind == error.kind);
    let mut errors = errors;
    errors.sort_by_key(rank);
    let mut all = errors.into_iter();
    let Some(mut worst) = all.next() else { return Ok(()) };
    if count > 1 {
        worst.message = format!("{count} {what}: {}", worst.message);
    }
    for (index, error) in all.enumerate() {
        if index == TOLD - 1 {
            worst.message = format!("{}; and {} more", worst.message, count - TOLD);
            break;
        }
        worst.message = format!("{}; {}", worst.message, error.message);
        for next in error.next {
            if !worst.next.contains(&next) {
                worst.next.push(next);
            }
        }
    }
    Err(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_and_all_are_told() {
        assert_eq!(one(Vec::new(), "workloads failed"), Ok(()));
        let errors = vec![
            Error::new(Kind::Deadline, "c").next("resume"),
            Error::new(Kind::Infrastructure, "b").next("resume"),
            Error::new(Kind::VersionFailed, "a"),
        ];
        let error = one(errors, "workloads failed").unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::VersionFailed, "3 workloads failed: a; b; c")
        );
        assert_eq!(error.next, ["resume"]);
        assert_eq!(one(vec![Error::usage("x")], "objects").unwrap_err().message, "x");
    }

    #[test]
    fn of_many_some_are_told() {
        let errors = |count| (0..count).map(|n| Error::usage(format!("e{n}"))).collect();
        let message = |count| one(errors(count), "objects").unwrap_err().message;
        assert_eq!(message(8), "8 objects: e0; e1; e2; e3; e4; e5; e6; e7");
        assert_eq!(message(10), "10 objects: e0; e1; e2; e3; e4; e5; e6; e7; and 2 more");
    }

    #[test]
    fn every_kind_has_a_rank() {
        assert!(Kind::ALL.iter().all(|kind| WORST_FIRST.contains(kind)));
    }
}
