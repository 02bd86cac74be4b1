//! Backups that a purge would delete, and since when: what a dry run said at each time, as the backups were made.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use stonekeep::engine::collect::PurgeOptions;
use stonekeep::engine::hold::HoldOptions;
use stonekeep::format::BackupId;
use stonekeep::store::Store;
use stonekeep::{Clock, ErrorKind, Quiet};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::collect::scene::*;

/// The time of a backup of the scene.
fn time_of(backup: u32) -> i64 {
    1_700_000_000 + i64::from(backup)
}

fn goes(store: &Store, rules: &PurgeOptions) -> BTreeSet<BackupId> {
    let plan = engine(store).plan_purge(rules, &Quiet).unwrap();
    plan.deleted_backups.into_iter().collect()
}

fn rules() -> impl Strategy<Value = PurgeOptions> {
    let keep = |last: u64| (last > 0).then(|| last.to_string().parse().unwrap());
    let within = prop_oneof![Just(None), Just(Some("40min")), Just(Some("2h"))];
    let limit = prop::option::of(500_u64..4_000);
    (1_usize..4, 0_u64..4, 0_u64..4, within, limit).prop_map(move |(last, minutes, hours, within, limit)| {
        PurgeOptions::keep(last)
            .with_keep_minutely(keep(minutes))
            .with_keep_hourly(keep(hours))
            .with_keep_within(within.map(|period| period.parse().unwrap()))
            .with_max_total_size_bytes(limit)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_backup_is_past_retention_since_the_one_that_let_it_go(
        rules in rules(),
        seconds in prop::collection::vec(20_u32..3_000, 1..9),
    ) {
        let (_, store) = memory();
        let (mut backup, mut history) = (0, Vec::new());
        for after in seconds {
            backup += after;
            put_our_backup(&store, backup, &[1, u64::from(backup)]);
            history.push((backup, goes(&store, &rules)));
        }
        let past = engine(&store).as_read_only().past_retention(&rules).unwrap();
        let now = goes(&store, &rules);
        prop_assert_eq!(&past.backups, &now.iter().copied().collect::<Vec<_>>());
        let first = history.iter().find(|(_, gone)| !gone.is_disjoint(&now));
        prop_assert_eq!(past.since_seconds, first.map(|(backup, _)| time_of(*backup)));
    }
}

#[test]
fn a_purge_leaves_nothing_past_retention_and_a_hold_never_is() {
    let (_, store) = memory();
    for backup in 1..=4 {
        put_our_backup(&store, backup, &[u64::from(backup)]);
    }
    let (engine, rules) = (engine(&store), PurgeOptions::keep(2));
    let until = FakeClock::at_unix_seconds(4_000_000_000).now() + Duration::from_secs(1);
    let hold = HoldOptions::default().with_until(until);
    let past = || engine.as_read_only().past_retention(&rules).unwrap();
    assert_eq!(
        (past().backups, past().since_seconds),
        (vec![id(1), id(2)], Some(time_of(3)))
    );
    engine.hold_backup(id(1), &hold, &Quiet).unwrap();
    assert_eq!(
        (past().backups, past().since_seconds),
        (vec![id(2)], Some(time_of(4)))
    );
    let files_before = files(&store);
    past();
    assert_eq!(files(&store), files_before);
    engine.purge(&rules, &Quiet).unwrap();
    assert_eq!((past().backups, past().since_seconds), (vec![], None));
    let error = engine
        .as_read_only()
        .past_retention(&PurgeOptions::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}
