//! The decision against a small reference that says for each backup by itself why it stays, on generated histories.

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::sample::select;
use stonekeep_format::BackupId;

use super::*;

/// Central Europe, New York, Nepal (a quarter of an hour off), and Lord Howe (half an hour of summer time).
const ZONES: [&str; 5] = [
    "UTC0",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "<+0545>-5:45",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
];
const TAGS: [&str; 3] = ["nightly", "release", "test"];
/// 29 February 2024, 23:00 UTC.
const LEAP_DAY: i64 = 1_709_247_600;
/// A day before and after the end of summer time in Central Europe.
const AUTUMN: i64 = 1_792_800_000;

fn id(number: usize) -> BackupId {
    BackupId::new(number as u32 + 1).unwrap()
}

/// Backups at a rhythm that may be broken, by clocks that jump.
fn history() -> impl Strategy<Value = Vec<Candidate>> {
    let step = prop_oneof![
        4 => 0..90i64,
        4 => 0..7_200i64,
        8 => 80_000..90_000i64,
        3 => 0..4_000_000i64,
        1 => 30_000_000..40_000_000i64,
    ];
    let jump = prop_oneof![20 => Just(None), 1 => select(vec![0, -1, i64::MIN, i64::MAX, 4_102_444_800]).prop_map(Some)];
    let tags = proptest::collection::btree_set(select(TAGS.to_vec()), 0..2);
    let held = proptest::bool::weighted(0.05);
    let start = select(vec![LEAP_DAY, AUTUMN, 0]);
    (start, proptest::collection::vec((step, jump, tags, held), 0..40)).prop_map(|(mut time, steps)| {
        let mut candidates = Vec::new();
        for (number, (step, jump, tags, held)) in steps.into_iter().enumerate() {
            time += step;
            candidates.push(Candidate {
                id: id(number),
                timestamp_seconds: jump.unwrap_or(time),
                tags: tags.into_iter().map(str::to_owned).collect(),
                kept_by: held
                    .then(|| KeptBy::new(KeepRule::Hold, ""))
                    .into_iter()
                    .collect(),
            });
        }
        candidates
    })
}

fn keep() -> impl Strategy<Value = Option<Keep>> {
    let period = select(vec!["1h", "36h", "1d", "14d", "6w", "1mo", "1y6mo", "19000y"]);
    let within = period.prop_map(|text| Some(Keep::Within(text.parse().unwrap())));
    let last = prop_oneof![0..12u64, Just(u64::MAX)].prop_map(|number| Some(Keep::Last(number)));
    prop_oneof![3 => Just(None), 2 => last, 1 => within]
}

fn options() -> impl Strategy<Value = PurgeOptions> {
    let calendar = (keep(), keep(), keep(), keep(), keep(), keep());
    let within = proptest::option::of(select(vec!["1h", "14d", "1mo"]));
    let ids = proptest::collection::vec((0..40usize).prop_map(id), 0..2);
    let tags = proptest::collection::vec(select(TAGS.to_vec()), 0..2);
    let counts = (proptest::option::of(0..6usize), 0..3usize);
    (calendar, within, ids, tags, counts, select(ZONES.to_vec())).prop_map(
        |((minutely, hourly, daily, weekly, monthly, yearly), within, ids, tags, (last, min_count), zone)| {
            let tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
            PurgeOptions::default()
                .with_num_backups_to_keep(last)
                .with_keep_minutely(minutely)
                .with_keep_hourly(hourly)
                .with_keep_daily(daily)
                .with_keep_weekly(weekly)
                .with_keep_monthly(monthly)
                .with_keep_yearly(yearly)
                .with_keep_within(within.map(|text| text.parse::<Period>().unwrap()))
                .with_keep_ids(ids)
                .with_keep_tags(tags)
                .with_min_count(min_count)
                .with_time_zone(TimeZone::posix(zone).unwrap())
        },
    )
}

/// The hour, day and so on as numbers. Those of the ISO week are its Monday's.
fn bucket(rule: KeepRule, time: Timestamp, zone: &TimeZone) -> [i32; 6] {
    let local = time.to_zoned_datetime(zone.clone());
    let (date, offset) = (local.date(), local.offset().seconds());
    let [year, month, day] = [i32::from(date.year()), date.month().into(), date.day().into()];
    let [hour, minute] = [i32::from(local.hour()), i32::from(local.minute())];
    match rule {
        KeepRule::Minutely => [year, month, day, hour, minute, offset],
        KeepRule::Hourly => [year, month, day, hour, 0, offset],
        KeepRule::Weekly => {
            let since = i64::from(date.weekday().since(Weekday::Monday));
            let monday = date.checked_sub(since.days()).unwrap_or(date);
            [
                monday.year().into(),
                monday.month().into(),
                monday.day().into(),
                0,
                0,
                0,
            ]
        }
        KeepRule::Monthly => [year, month, 0, 0, 0, 0],
        KeepRule::Yearly => [year, 0, 0, 0, 0, 0],
        _ => [year, month, day, 0, 0, 0],
    }
}

fn time_of(candidate: &Candidate) -> Timestamp {
    let seconds = candidate.timestamp_seconds;
    let [min, max] = [Timestamp::MIN.as_second(), Timestamp::MAX.as_second()];
    match seconds {
        _ if seconds > max => Timestamp::MAX,
        _ if seconds < min => Timestamp::MIN,
        _ => Timestamp::from_second(seconds).unwrap(),
    }
}

/// What the rules keep, each backup judged by itself.
fn kept(options: &PurgeOptions, backups: &[Candidate], now: Timestamp) -> BTreeSet<BackupId> {
    let zone = &options.time_zone;
    let last_time = backups.iter().map(time_of).max().unwrap_or(now).min(now);
    let age = |one: &Candidate| (time_of(one), one.id);
    let after = |one: &Candidate| {
        let later = backups.iter().filter(|other| age(other) > age(one));
        later.collect::<Vec<_>>()
    };
    let is_within = |one: &Candidate, period: Period| time_of(one) > period.before(last_time, zone);
    let by_calendar = |one: &Candidate, rule: KeepRule, reach: Keep| {
        let mine = bucket(rule, time_of(one), zone);
        let later: BTreeSet<_> = after(one)
            .into_iter()
            .map(|other| bucket(rule, time_of(other), zone))
            .collect();
        let is_oldest = backups.iter().all(|other| age(other) >= age(one));
        let counts = !later.contains(&mine) || is_oldest;
        counts
            && match reach {
                Keep::Last(number) => (later.len() as u64) < number,
                Keep::Within(period) => {
                    is_within(one, period) || period.before(last_time, zone) == Timestamp::MIN
                }
            }
    };
    let keeps = |(index, one): &(usize, &Candidate)| {
        let newer = backups.len() - 1 - index;
        newer == 0 && !options.keeps_none()
            || newer < options.num_backups_to_keep.unwrap_or(0).max(options.min_count)
            || !one.kept_by.is_empty()
            || options.keep_ids.contains(&one.id)
            || one.tags.iter().any(|tag| options.keep_tags.contains(tag))
            || options.keep_within.is_some_and(|period| is_within(one, period))
            || options
                .calendar_rules()
                .any(|(rule, reach)| by_calendar(one, rule, reach))
    };
    backups
        .iter()
        .enumerate()
        .filter(keeps)
        .map(|(_, one)| one.id)
        .collect()
}

fn stays(decisions: &[BackupDecision]) -> BTreeSet<BackupId> {
    let stay = decisions.iter().filter(|decision| decision.goes.is_none());
    stay.map(|decision| decision.id).collect()
}

/// Options with the rules of both.
fn together(one: &PurgeOptions, other: &PurgeOptions) -> PurgeOptions {
    let mut all = one.clone();
    all.keep_daily = all.keep_daily.or(other.keep_daily);
    all.keep_weekly = all.keep_weekly.or(other.keep_weekly);
    all.keep_yearly = all.keep_yearly.or(other.keep_yearly);
    all.keep_within = all.keep_within.or(other.keep_within);
    all.num_backups_to_keep = all.num_backups_to_keep.max(other.num_backups_to_keep);
    all.min_count = all.min_count.max(other.min_count);
    all.keep_tags.extend(other.keep_tags.iter().cloned());
    all
}

/// Some time after the history, or in the middle of it.
fn present() -> impl Strategy<Value = Timestamp> {
    select(vec![LEAP_DAY + 1_000_000, AUTUMN + 100_000_000])
        .prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_rules_keep_what_the_reference_keeps(options in options(), backups in history(), now in present()) {
        prop_assume!(options.has_rules());
        let decisions = decide(&options, backups.clone(), now);
        prop_assert_eq!(stays(&decisions), kept(&options, &backups, now));
        for decision in decisions {
            prop_assert_eq!(decision.goes.is_some(), decision.kept_by.is_empty());
        }
    }

    #[test]
    fn the_newest_and_held_ones_stay(options in options(), backups in history(), now in present()) {
        prop_assume!(options.has_rules() && !options.keeps_none());
        let stays = stays(&decide(&options, backups.clone(), now));
        prop_assert!(backups.last().is_none_or(|newest| stays.contains(&newest.id)));
        prop_assert!(backups.iter().all(|one| one.kept_by.is_empty() || stays.contains(&one.id)));
    }

    #[test]
    fn the_same_rules_again_delete_nothing(options in options(), backups in history(), now in present()) {
        prop_assume!(options.has_rules());
        let first = stays(&decide(&options, backups.clone(), now));
        let left: Vec<_> = backups.into_iter().filter(|one| first.contains(&one.id)).collect();
        prop_assert_eq!(stays(&decide(&options, left, now)), first);
    }

    #[test]
    fn more_rules_never_keep_less(one in options(), other in options(), backups in history(), now in present()) {
        prop_assume!(one.has_rules());
        let few = stays(&decide(&one, backups.clone(), now));
        let more = stays(&decide(&together(&one, &other), backups, now));
        prop_assert!(few.is_subset(&more), "{:?} {:?}", few, more);
    }

    #[test]
    fn the_limit_takes_the_oldest_and_no_fixed_one(
        options in options(),
        backups in history(),
        now in present(),
        limit in 0..60u64,
    ) {
        // Each backup has two units for itself, and one that it shares with its neighbour.
        let limited = |backups: &[Candidate]| {
            let mut decisions = decide(&options, backups.to_vec(), now);
            let mut units = BTreeSet::new();
            drop_over(limit, &mut decisions, |id| {
                let first = id.get() * 3;
                units.extend([first, first + 1, id.get() / 2 * 2 * 3 + 2]);
                units.len() as u64
            });
            decisions
        };
        let before = decide(&options, backups.clone(), now);
        let after = limited(&backups);
        let fixed = [KeepRule::Newest, KeepRule::Tag, KeepRule::Id, KeepRule::MinCount, KeepRule::Hold];
        let mut gone_at = None;
        for (before, after) in before.iter().zip(&after) {
            if before.kept_by.iter().any(|kept| fixed.contains(&kept.rule)) {
                prop_assert_eq!(before, after);
            } else if after.goes == Some(Goes::TotalSize) {
                gone_at = gone_at.max(Some((after.timestamp_seconds, after.id)));
            }
        }
        for decision in after.iter().filter(|one| one.goes.is_none()) {
            let is_fixed = decision.kept_by.iter().any(|kept| fixed.contains(&kept.rule));
            prop_assert!(is_fixed || Some((decision.timestamp_seconds, decision.id)) > gone_at);
        }
        let left: Vec<_> = backups.iter().filter(|one| stays(&after).contains(&one.id)).cloned().collect();
        prop_assert_eq!(stays(&limited(&left)), stays(&after));
    }
}
