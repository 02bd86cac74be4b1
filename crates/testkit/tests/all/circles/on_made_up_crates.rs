//! The search for circles finds those of made-up crates, and no others.

use std::collections::BTreeMap;

use super::dependencies_of;

/// The circles of a crate, each as its file names without folder and extension.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| (format!("src/{path}"), (*text).to_owned()))
        .collect();
    let dependencies = dependencies_of(&files);
    let circles = dependencies.circles();
    let name = |path: &str| path.trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    circles
        .iter()
        .map(|circle| circle.iter().map(|path| name(path)).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn two_files_that_import_each_other_are_a_circle() {
    let found = circles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use super::a::A; pub struct B(Box<A>);"),
    ]);
    assert_eq!(found, ["a b"]);
}

#[test]
fn three_files_are_a_circle_through_paths_macros_and_attributes() {
    let found = circles(&[
        ("lib.rs", "mod a; mod b; mod c; mod below;"),
        ("a.rs", "pub fn a() { crate::b::b() }"),
        ("b.rs", "pub fn b() { println!(\"{}\", crate::c::C::new(1)) }"),
        (
            "c.rs",
            "#[arg(parser = crate::a::a)] pub struct C; fn f() { crate::below::g() }",
        ),
        ("below.rs", "pub fn g() {}"),
    ]);
    assert_eq!(found, ["a b c"]);
}

#[test]
fn an_import_in_a_body_counts() {
    let found = circles(&[
        ("main.rs", "mod a; mod b; fn main() { a::a() }"),
        ("a.rs", "pub fn a() { use crate::b::*; b() }"),
        ("b.rs", "pub fn b() { use crate::{a::a as start}; start() }"),
    ]);
    assert_eq!(found, ["a b"]);
}

#[test]
fn dependencies_in_one_direction_are_no_circle() {
    let found = circles(&[
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "use crate::b::{B, C}; pub struct A(B, C);"),
        (
            "b.rs",
            "pub struct B; pub struct C; impl B { fn b(self) -> Self { self } }",
        ),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_parent_that_re_exports_its_children_is_no_circle() {
    let found = circles(&[
        ("lib.rs", "mod room;"),
        (
            "room/mod.rs",
            "mod a; mod b; pub use a::A; pub(crate) use self::b::B;",
        ),
        ("room/a.rs", "use super::B; pub struct A(B);"),
        ("room/b.rs", "pub struct B;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_re_export_is_followed_to_the_file_that_defines() {
    let found = circles(&[
        ("lib.rs", "mod room; pub use room::*;"),
        ("room.rs", "mod a; mod b; pub use a::A as First; pub use b::B;"),
        ("room/a.rs", "pub struct A(Option<Box<crate::B>>);"),
        ("room/b.rs", "use crate::room::First; pub struct B(First);"),
    ]);
    assert_eq!(found, ["room/a room/b"]);
}

#[test]
fn a_child_that_uses_what_its_parent_defines_is_a_circle_if_the_parent_uses_the_child() {
    let child = ("room/a.rs", "use super::Size; pub fn a() -> Size { 1 }");
    let found = circles(&[
        ("lib.rs", "mod room;"),
        (
            "room/mod.rs",
            "mod a; pub type Size = u64; pub fn f() { a::a(); }",
        ),
        child,
    ]);
    assert_eq!(found, ["room/a room/mod"]);
    let found = circles(&[
        ("lib.rs", "mod room;"),
        ("room/mod.rs", "mod a; pub use a::a; pub type Size = u64;"),
        child,
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_parent_that_uses_what_it_re_exports_depends_on_the_child() {
    let found = circles(&[
        ("lib.rs", "mod room;"),
        (
            "room/mod.rs",
            "mod a; pub use a::A; pub struct Size(u64); pub fn f(_: A) {}",
        ),
        ("room/a.rs", "pub struct A(super::Size);"),
    ]);
    assert_eq!(found, ["room/a room/mod"]);
}

#[test]
fn tests_and_inline_modules_close_no_circle() {
    let found = circles(&[
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "pub struct A; mod inner { use super::A; } #[cfg(test)] mod tests { use crate::b::B; }",
        ),
        ("b.rs", "use crate::a::A; pub struct B(A);"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}
