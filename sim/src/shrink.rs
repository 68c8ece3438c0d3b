//! Makes a failing scenario as small as it can be and still fail.

/// Something that can be made smaller.
pub trait Shrink: Sized {
    /// Versions of it that are smaller by a step, those that take the most away first.
    fn smaller(&self) -> Vec<Self>;
}

/// Returns the smallest scenario that still fails, and how many were tried. None of its own smaller ones fails; at most `most`
/// are tried.
pub fn shrink<S: Shrink>(failing: S, most: usize, mut fails: impl FnMut(&S) -> bool) -> (S, usize) {
    let (mut smallest, mut tried) = (failing, 0);
    'again: loop {
        for smaller in smallest.smaller() {
            if tried == most {
                break 'again;
            }
            tried += 1;
            if fails(&smaller) {
                smallest = smaller;
                continue 'again;
            }
        }
        break;
    }
    (smallest, tried)
}

/// All lists that lack a part of this one: everything, a half, then one element each.
pub fn without_some<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let middle = list.len() / 2;
    let halves = [list.get(middle..), list.get(..middle)].into_iter().flatten().map(<[T]>::to_vec);
    let all = (!list.is_empty()).then(Vec::new).into_iter();
    let without = |at: usize| {
        let kept = list.iter().enumerate().filter(|(other, _)| *other != at);
        kept.map(|(_, one)| one.clone()).collect()
    };
    let ones = (0..list.len()).map(without).filter(|_| list.len() > 1);
    let halves = halves.filter(|half: &Vec<T>| list.len() > 2 && half.len() < list.len());
    all.chain(halves).chain(ones).collect()
}

/// Numbers from the smallest allowed one up to this one, in a few steps.
pub fn lower(number: u32, least: u32) -> Vec<u32> {
    let mut lower = vec![least, least + number.saturating_sub(least) / 2, number.saturating_sub(1)];
    lower.retain(|other| *other >= least && *other < number);
    lower.dedup();
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Scenario {
        acts: Vec<u32>,
        replicas: u32,
    }

    impl Shrink for Scenario {
        fn smaller(&self) -> Vec<Self> {
            let acts = without_some(&self.acts).into_iter().map(|acts| Self { acts, ..self.clone() });
            let replicas =
                lower(self.replicas, 1).into_iter().map(|replicas| Self { replicas, ..self.clone() });
            acts.chain(replicas).collect()
        }
    }

    #[test]
    fn what_does_not_matter_goes() {
        let failing = Scenario { acts: (0..20).collect(), replicas: 30 };
        let fails = |one: &Scenario| one.acts.contains(&7) && one.acts.contains(&12) && one.replicas >= 4;
        let (smallest, tried) = shrink(failing, 500, fails);
        assert_eq!(smallest, Scenario { acts: vec![7, 12], replicas: 4 });
        assert!(tried < 200, "{tried}");
    }

    #[test]
    fn it_ends_when_it_tried_enough() {
        let failing = Scenario { acts: (0..20).collect(), replicas: 30 };
        assert_eq!(shrink(failing.clone(), 3, |_| false), (failing, 3));
    }

    #[test]
    fn parts_are_smaller() {
        assert_eq!(without_some::<u8>(&[]), [[0; 0]; 0]);
        assert_eq!(without_some(&[1]), [[0; 0]]);
        assert_eq!(without_some(&[1, 2]), [vec![], vec![2], vec![1]]);
        assert_eq!(
            without_some(&[1, 2, 3]),
            [vec![], vec![2, 3], vec![1], vec![2, 3], vec![1, 3], vec![1, 2]]
        );
        assert_eq!(lower(8, 1), [1, 4, 7]);
        assert_eq!(lower(1, 1), [0; 0]);
    }
}
