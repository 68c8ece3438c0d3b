//! Two builds that deploy one Deployment at once.

use std::time::{Duration, Instant};

use super::pipeline::{Build, Pipeline, System};
use crate::shop::{Shop, finish};

fn canary(image: &'static str, step_wait: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("deployment", "frontend"),
        ("image", image),
        ("strategy", "canary"),
        ("steps", "25,50"),
        ("step_wait", step_wait),
        ("promote", "true"),
    ]
}

#[test]
fn the_second_is_refused_with_the_link_of_the_first_or_waits_for_it() {
    let pipeline = Pipeline::new(Shop::new(3));
    let (first, second) = (Build::push(System::Woodpecker, 42), Build::push(System::Drone, 7));
    let live = pipeline.start(first, &pipeline.secrets, &canary("shop/web:v2", "20s"));
    pipeline.shop.until("the first has its share", |shop| shop.pods_of("shop/web:v2").1 == 1);

    let begun = Instant::now();
    let refused = pipeline.run(second, &pipeline.secrets, &canary("shop/web:v3", "1s")).expect(5);
    println!("refused after {:?}", begun.elapsed());
    let error = refused.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains(&first.link()) && error.contains("another run holds"), "{}", refused.stderr);
    assert!(refused.stderr.contains("wait_lock: 5m"), "{}", refused.stderr);

    let waits = [&canary("shop/web:v3", "1s")[..], &[("wait_lock", "3m")]].concat();
    let waited = pipeline.run(second, &pipeline.secrets, &waits).expect(0);
    let note = waited.stderr.lines().find(|line| line.contains("holds the lock")).unwrap();
    assert!(note.contains(&first.link()), "who waits is told for whom: {}", waited.stderr);
    // The first was let through to its end.
    finish(live).expect(0);
    assert!(begun.elapsed() > Duration::from_secs(10));
    assert_eq!(pipeline.shop.pods_of("shop/web:v3"), (3, 3));
    pipeline.shop.expect_own_fields("shop/web:v3");
    let history = pipeline.shop.tool(&["history", "frontend"]).expect(0).stdout;
    assert!(history.contains(&first.link()) && history.contains(&second.link()), "{history}");
}
