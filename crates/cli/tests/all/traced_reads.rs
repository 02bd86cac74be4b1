//! How files are read, by the system calls: what the command asks for. What the kernel keeps in its cache is its own affair.

use std::collections::BTreeSet;
use std::path::Path;

use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::{skip, syscall_trace};

use crate::world::World;

const TABLE_BYTES: usize = 1 << 20;
/// What is read of a table's end before the table is.
const FOOTER_BYTES: usize = 64 << 10;
const CALLS: &str = "openat,close,read,readv,pread64,preadv,preadv2,mmap,copy_file_range,sendfile";

/// How the bytes of the tables in a directory were read.
#[derive(Debug, Default)]
struct Reads {
    /// Through the page cache, but so that it holds afterwards what it held before.
    sparing: usize,
    /// Past the page cache.
    direct: usize,
    /// Otherwise.
    ordinary: usize,
    /// Whether the file system or the kernel refused the first kind.
    refused: bool,
}

fn reads(world: &World, args: &[&str], directory: &Path) -> Reads {
    let mut command = world.command();
    command.args(args);
    let (lines, output) = syscall_trace::lines(&command, CALLS).unwrap();
    assert!(output.status.success(), "{output:?}");
    let directory = format!("<{}/", directory.canonicalize().unwrap().display());
    let mut reads = Reads::default();
    let mut direct = BTreeSet::new();
    for line in lines
        .iter()
        .filter(|line| line.contains(&directory) && line.contains(".sst>"))
    {
        let (call, result) = line.rsplit_once(" = ").unwrap();
        let (name, arguments) = call.split_once('(').unwrap();
        let descriptor = |text: &str| text.split('<').next().unwrap().to_owned();
        let bytes = result.split(' ').next().unwrap().parse::<usize>().unwrap_or(0);
        match name {
            "openat" if call.contains("O_DIRECT|") || call.contains("|O_DIRECT)") => {
                direct.insert(descriptor(result));
            }
            "openat" => _ = direct.remove(&descriptor(result)),
            "close" => _ = direct.remove(&descriptor(arguments)),
            // Older versions of strace do not know the name of the flag.
            "preadv2" if call.contains("RWF_DONTCACHE") || call.contains(" 0x80") => {
                reads.refused |= result.contains("EOPNOTSUPP") || result.contains("EINVAL");
                reads.sparing += bytes;
            }
            _ if direct.contains(&descriptor(arguments)) => reads.direct += bytes,
            _ => reads.ordinary += bytes,
        }
    }
    reads
}

/// A database of one table, unless nothing can be recorded here, which is reported as a skip.
fn world(test: &str) -> Option<World> {
    if let Some(reason) = syscall_trace::obstacle() {
        skip::because(test, &reason).unwrap();
        return None;
    }
    let mut world = World::with(DatabaseBuilder::new());
    world.database.add_tables(1, TABLE_BYTES);
    Some(world)
}

/// Everything is read so that the page cache stays as it was, unless that was refused.
fn assert_sparing(reads: &Reads) {
    if reads.refused {
        assert!(reads.ordinary >= TABLE_BYTES, "{reads:?}");
    } else {
        assert!(
            reads.sparing >= TABLE_BYTES && reads.ordinary < FOOTER_BYTES,
            "{reads:?}"
        );
    }
}

#[test]
fn backups_and_verifications_leave_the_page_cache_as_it_was() {
    let Some(world) = world("backups_and_verifications_leave_the_page_cache_as_it_was") else {
        return;
    };
    let backup = ["backup", world.db(), "--reflink=false"];
    assert_sparing(&reads(&world, &backup, world.database.path()));
    assert_sparing(&reads(&world, &["verify"], &world.repo().join("shared_checksum")));
}

#[test]
fn direct_reads_neither_use_nor_fill_the_page_cache() {
    let Some(world) = world("direct_reads_neither_use_nor_fill_the_page_cache") else {
        return;
    };
    let args = ["backup", world.db(), "--reflink=false", "--use-direct-reads"];
    let reads = reads(&world, &args, world.database.path());
    let is_refused = world.json(args)["warnings"].to_string().contains("direct reads");
    assert!(
        is_refused || (reads.direct >= TABLE_BYTES && reads.ordinary < FOOTER_BYTES),
        "{reads:?}"
    );
}
