//! Databases that other processes write at full speed are followed, and restored to points between backups.
//!
//! `STONEKEEP_POINTS` is how many points are restored of each kind of database; otherwise they are a few.

use std::path::PathBuf;

use stonekeep_proof::hot::run;
use stonekeep_proof::points::plan::Points;
use stonekeep_proof::points::settings;

const SEED: u64 = 20_261_201;
/// For each kind of database.
const POINTS: u64 = 5;
const TIMES: u64 = 40;
/// How many points are restored of one database, then another one of the kind is followed.
const OF_ONE: u64 = 20;

fn wanted() -> u64 {
    let wanted = std::env::var("STONEKEEP_POINTS").ok();
    wanted.and_then(|number| number.parse().ok()).unwrap_or(POINTS)
}

#[expect(clippy::print_stdout, reason = "the counts are the result of a longer run")]
fn is_restored_right(name: &str) {
    let place = settings::ALL.iter().position(|setting| setting.name == name);
    let place = place.unwrap_or_else(|| panic!("there is no setting {name}"));
    let (mut left, mut round) = (wanted(), 0);
    let mut wrong = Vec::new();
    while left > 0 {
        let points = Points {
            program: PathBuf::from(env!("CARGO_BIN_EXE_soak")),
            setting: &settings::ALL[place],
            seed: SEED + round,
            place: run::place(&settings::ALL[place], place as u64 + round),
            points: left.min(OF_ONE),
            times: TIMES,
            batches: 6_000,
            local: (place as u64 + round).is_multiple_of(2),
            restarts: (place as u64 + round) % 3 == 1,
            keep: std::env::temp_dir().join("points-failures"),
        };
        let report = points.run().unwrap();
        println!("{report}");
        left -= report.points;
        round += 1;
        if !report.is_good() {
            wrong.push(report);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

macro_rules! settings {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                is_restored_right($name);
            }
        )*

        #[test]
        fn each_setting_is_followed() {
            let all: Vec<&str> = settings::ALL.iter().map(|setting| setting.name).collect();
            assert_eq!(all, [$($name),*]);
        }
    };
}

settings! {
    plain: "followed",
    recycled_wals: "followed: recycled WALs, tiny manifests",
    compressed_wals: "followed: compressed WALs, blobs",
    atomic_flush: "followed: atomic flush",
    two_phases: "followed: two phases",
    passing_families: "followed: passing families, unordered",
    reopened: "followed: reopened, WALs kept, tracked",
    universal: "followed: universal",
    manual_wal_flush: "followed: manual WAL flush, tracked",
    wal_dir_elsewhere: "followed: wal_dir elsewhere",
    archived_wals: "followed: archived WALs",
    synced: "followed: synced",
    slow_deletion: "followed: slow deletion",
    three_threads: "followed: three threads, unordered",
    three_threads_pipelined: "followed: three threads, pipelined",
    wals_made_early: "followed: WALs made early, tracked",
    killed: "followed: killed",
    killed_with_wals_kept: "followed: killed, WALs kept",
    killed_with_recycled_wals: "followed: killed, recycled WALs",
    ingestion: "followed: ingestion",
    timestamps: "followed: timestamps",
}
