//! Hot captures of databases that other processes write at full speed; `cargo xtask soak` takes more of them.

use std::path::PathBuf;

use stonekeep_proof::hot::run::{self, Soak};
use stonekeep_proof::hot::settings::{self, Setting};

const SEED: u64 = 20_261_123;
/// For each setting.
const IMAGES: u64 = 3;

fn soak(setting: &'static Setting, turn: u64) -> Soak {
    Soak {
        program: PathBuf::from(env!("CARGO_BIN_EXE_soak")),
        setting,
        seed: SEED,
        place: run::place(setting, turn),
        images: IMAGES,
        until: None,
        // So that the settings together are captured in every way.
        first: turn * IMAGES,
        keep: std::env::temp_dir().join("soak-failures"),
        blind: false,
    }
}

fn is_captured_right(name: &str) {
    let place = settings::ALL.iter().position(|setting| setting.name == name);
    let place = place.unwrap_or_else(|| panic!("there is no setting {name}"));
    let report = soak(&settings::ALL[place], place as u64).run().unwrap();
    assert!(
        report.is_good() && report.images == IMAGES,
        "seed {SEED}: {report:#?}"
    );
}

macro_rules! settings {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                is_captured_right($name);
            }
        )*

        #[test]
        fn each_setting_is_captured() {
            let all: Vec<&str> = settings::ALL.iter().map(|setting| setting.name).collect();
            assert_eq!(all, [$($name),*]);
        }
    };
}

settings! {
    plain: "plain",
    recycled_wals: "recycled WALs",
    tiny_manifests: "tiny manifests",
    recycled_wals_and_tiny_manifests: "recycled WALs, tiny manifests",
    compressed_wals: "compressed WALs",
    compressed_and_recycled_wals: "compressed and recycled WALs",
    blobs: "blobs",
    universal: "universal",
    atomic_flush: "atomic flush",
    wals_in_the_manifest: "WALs in the manifest",
    wals_that_name_the_one_before: "WALs that name the one before",
    wals_made_early: "WALs made early",
    manual_wal_flush: "manual WAL flush",
    without_wal: "without WAL",
    archived_wals: "archived WALs",
    two_phases: "two phases",
    unordered: "unordered",
    pipelined: "pipelined",
    passing_families: "passing families",
    reopened: "reopened",
    reopened_with_wals_kept: "reopened, WALs kept",
    killed: "killed",
    killed_with_wals_kept: "killed, WALs kept",
    killed_with_recycled_wals: "killed, recycled WALs",
    wal_dir_elsewhere: "wal_dir elsewhere",
    ingestion: "ingestion",
    fifo: "FIFO",
    timestamps: "timestamps",
    slow_deletion: "slow deletion",
    two_paths: "two paths",
}

/// The negative control: without the look whether anything changed meanwhile, the same judge finds wrong images.
#[test]
fn a_capture_that_does_not_look_again_is_found_wrong() {
    let soak = Soak {
        images: 10,
        blind: true,
        ..soak(&settings::SMALL_MEMTABLES, 0)
    };
    let report = soak.run().unwrap();
    assert!(!report.wrong.is_empty(), "seed {SEED}: {report:#?}");
}
