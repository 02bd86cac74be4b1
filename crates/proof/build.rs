//! Compiles the shim against the headers of the RocksDB that librocksdb-sys links.

use std::path::Path;
use std::process::exit;

fn main() {
    // librocksdb-sys exports where its sources lie as `cargo_manifest_dir` of its `links = "rocksdb"`.
    let Some(sources) = std::env::var_os("DEP_ROCKSDB_CARGO_MANIFEST_DIR") else {
        println!("cargo::error=librocksdb-sys did not say where its sources are");
        exit(1);
    };
    println!("cargo::rerun-if-changed=shim");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(Path::new(&sources).join("rocksdb/include"))
        // As librocksdb-sys builds RocksDB itself: some classes have other members with assertions on.
        .define("NDEBUG", None)
        .flag_if_supported("-Wno-unused-parameter")
        .file("shim/shim.cc")
        .compile("stonekeep_rocksdb_shim");
}
