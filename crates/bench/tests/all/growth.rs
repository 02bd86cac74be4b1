//! `growth` measures each verb at each size, on little data.

use std::fs;
use std::process::Command;

#[test]
fn curves_are_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"))
        .args(["growth", "--most", "10000"])
        .args([&"--mem".into(), &path("mem")])
        .args([&"--json".into(), &path("json"), &"--svg".into(), &path("svg")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["create, stonekeep", "list, rocksdb 2", "delete, rocksdb 2"] {
        assert_eq!(text.matches(&format!("| {line}")).count(), 4, "{line}: {text}");
    }
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path("json")).unwrap()).unwrap();
    assert_eq!(json["axes"][1]["points"][0]["at"], 10);
    let svg = fs::read_to_string(path("svg")).unwrap();
    assert_eq!(svg.matches("<polyline").count(), 4 * 7);
    assert_eq!(fs::read_dir(path("mem")).unwrap().count(), 0);
}
