use super::*;

fn told(behaviour: Behaviour, seconds: i64) -> Vec<(i64, State, i32)> {
    let mut draw = Draw::new(1);
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let mut life = Life::new("u", behaviour, at(0), &mut draw);
    let mut told = Vec::new();
    for second in 0..seconds {
        if life.step(at(second), &mut draw) {
            told.push((second, life.state.clone(), life.restarts));
        }
    }
    told
}

#[test]
fn a_good_one_is_ready_and_stays_so() {
    let told = told(Behaviour::Good, 1000);
    assert!(matches!(told.last(), Some((..6, State::Running { ready: true, .. }, 0))), "{told:?}");
}

#[test]
fn a_crashing_one_waits_longer_each_time() {
    let told = told(Behaviour::Crash, 2000);
    let waits: Vec<u64> = told
        .iter()
        .filter_map(|(_, state, _)| match state {
            State::Waiting { backoff } => Some(backoff.as_secs()),
            _ => None,
        })
        .collect();
    assert_eq!(waits[..7], [10, 20, 40, 80, 160, 300, 300]);
    assert!(!told.iter().any(|(_, state, _)| matches!(state, State::Running { ready: true, .. })));
}

#[test]
fn others_do_as_their_name_says() {
    let ready = |behaviour| {
        told(behaviour, 600)
            .iter()
            .find(|(_, state, _)| matches!(state, State::Running { ready: true, .. }))
            .map(|told| told.0)
    };
    assert_eq!(ready(Behaviour::Unready), None);
    assert!(ready(Behaviour::Slow).is_some_and(|second| second >= 30));
    assert!(ready(Behaviour::Late).is_some());
    assert!(told(Behaviour::Late, 600).last().unwrap().2 > 0);
    assert_eq!(ready(Behaviour::NoImage), None);
    let refused = told(Behaviour::NoConfig, 600);
    assert_eq!(refused.last().unwrap().1, State::Refused("CreateContainerConfigError"));
}

#[test]
fn it_ends_within_its_grace() {
    let (mut draw, start) = (Draw::new(1), Timestamp::from_second(0).unwrap());
    let mut life = Life::new("u", Behaviour::Crash, start, &mut draw);
    life.stop(1, start, &mut draw);
    assert!(life.step(Timestamp::from_second(1).unwrap(), &mut draw));
    assert!(life.is_over() && life.next(start).is_none());
}
