//! The OPTIONS file of an image has the column families of its MANIFEST, or a warning says that it has not.

use std::fs;
use std::path::Path;

use stonekeep::WarningName;
use stonekeep::image::DatabaseImage;
use stonekeep::image::hot::Step;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::{When, Writer, hot_image, rounds, watched};
use crate::image::capture::{bytes, database, image};

/// The column families in the OPTIONS file of an image.
fn families(image: &DatabaseImage) -> Vec<String> {
    let file = image
        .files
        .iter()
        .find(|file| file.name.to_string().starts_with("OPTIONS-"));
    let text = String::from_utf8(bytes(file.unwrap())).unwrap();
    let sections = text.lines().filter_map(|line| line.strip_prefix("[CFOptions \""));
    sections
        .map(|name| name.trim_end_matches("\"]").to_owned())
        .collect()
}

fn differs(image: &DatabaseImage) -> bool {
    image
        .warnings
        .iter()
        .any(|warning| warning.name == WarningName::OptionsDiffer)
}

fn options_file(path: &Path, number: u64) -> std::path::PathBuf {
    path.join(format!("OPTIONS-{number:06}"))
}

#[test]
fn a_closed_database_takes_the_options_file_that_fits() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let family = database.create_column_family("new");
    // As a crash between OPTIONS and MANIFEST leaves it, in the order in which no RocksDB writes them.
    fs::copy(
        newest_options(database.path()),
        options_file(database.path(), 900),
    )
    .unwrap();
    let newest = fs::read_to_string(options_file(database.path(), 900)).unwrap();
    let more = "\n[CFOptions \"ghost\"]\n\n[TableOptions/BlockBasedTable \"ghost\"]\n";
    fs::write(options_file(database.path(), 900), newest + more).unwrap();
    let image = image(database.path());
    assert!(!differs(&image));
    assert_eq!(families(&image), ["default", "new"]);
    assert_eq!(image.column_families[1].id, family.0);
}

fn newest_options(path: &Path) -> std::path::PathBuf {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let options = entries.filter(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("OPTIONS-")
    });
    options.max().unwrap()
}

#[test]
fn a_closed_database_whose_options_differ_gets_a_warning_with_a_hint() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.begin_column_family("new");
    let image = image(database.path());
    assert!(differs(&image));
    let message = image.warnings[0].to_string();
    assert!(message.contains("it lacks \"new\""), "{message}");
    assert!(message.contains("opens without the OPTIONS file"), "{message}");
    assert_eq!(families(&image), ["default"], "it is in the image all the same");
}

#[test]
fn a_hot_capture_waits_for_the_options_file() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    database.begin_column_family("new");
    let writer = Writer::of(database).before(Step::ReadOptions, When::Time(4), FakeDatabase::write_options);
    let (image, _) = watched(writer).image();
    assert!(!differs(&image), "{:?}", image.warnings);
    assert_eq!(families(&image), ["default", "new"]);
    assert_eq!(rounds(&image), 3);
}

#[test]
fn a_hot_capture_warns_of_a_lasting_difference_of_options() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    database.begin_column_family("new");
    let image = hot_image(database.path());
    assert!(differs(&image));
    assert_eq!(rounds(&image), 8);
}

#[test]
fn a_hot_capture_of_an_older_state_takes_its_options_file() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    let family = database.create_column_family("new");
    // The drop comes when the round has closed, and OPTIONS without the column family are there before they are read.
    let writer = Writer::of(database).before(Step::ReadOptions, When::Time(2), move |database| {
        database.drop_column_family(family);
    });
    let (image, _) = watched(writer).image();
    assert!(!differs(&image), "{:?}", image.warnings);
    assert_eq!(
        (families(&image), rounds(&image)),
        (vec!["default".to_owned(), "new".to_owned()], 1)
    );
}
