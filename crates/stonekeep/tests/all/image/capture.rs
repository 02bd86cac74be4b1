//! What the tests of images share: capturing, and reading what was captured.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use stonekeep::image::{
    Capture, Content, DatabaseImage, Directory, ImageFile, ImageSource, NoHost, SourceKind,
};
use stonekeep::{Error, Quiet, WarningName};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

/// A directory that goes when it is dropped, and a database in `db` inside.
pub(crate) fn database(builder: DatabaseBuilder) -> (tempfile::TempDir, FakeDatabase) {
    let directory = tempfile::tempdir().unwrap();
    let database = builder.create(&directory.path().join("db"));
    (directory, database)
}

/// A database with tables, a blob and two WALs with data.
pub(crate) fn usual(builder: DatabaseBuilder) -> (tempfile::TempDir, FakeDatabase) {
    let (directory, mut database) = database(builder);
    database.add_tables(3, 3_000);
    database.add_blob(500);
    database.write(10);
    database.switch_wal();
    database.write(5);
    (directory, database)
}

/// Captures a database of one directory.
pub(crate) fn capture(path: &Path) -> Result<Box<dyn Capture>, Error> {
    Directory::new(path, SourceKind::Closed).capture(&mut NoHost, &Quiet)
}

/// The image of a database of one directory.
pub(crate) fn image(path: &Path) -> DatabaseImage {
    capture(path).unwrap().image().clone()
}

/// Why a database cannot be captured.
pub(crate) fn refusal(path: &Path) -> Error {
    match capture(path) {
        Ok(_) => panic!("it was captured"),
        Err(error) => error,
    }
}

/// The names of the image's files, in its order.
pub(crate) fn names(image: &DatabaseImage) -> Vec<String> {
    image.files.iter().map(|file| file.name.to_string()).collect()
}

/// The names of its WALs.
pub(crate) fn wals(image: &DatabaseImage) -> Vec<String> {
    let names = names(image).into_iter();
    names.filter(|name| name.ends_with(".log")).collect()
}

/// One file of the image.
pub(crate) fn file<'a>(image: &'a DatabaseImage, name: &str) -> &'a ImageFile {
    let found = image.files.iter().find(|file| file.name.to_string() == name);
    found.unwrap_or_else(|| panic!("{name} is not among {:?}", names(image)))
}

/// The bytes of a file that count.
pub(crate) fn bytes(file: &ImageFile) -> Vec<u8> {
    let size = file.size_bytes as usize;
    match &file.content {
        Content::In(_) | Content::Path(_) => fs::read(file.path().unwrap()).unwrap()[..size].to_vec(),
        Content::Bytes(bytes) => {
            assert_eq!(bytes.len(), size);
            bytes.to_vec()
        }
        Content::Open { file, .. } => {
            let mut bytes = vec![0; size];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        }
        other => panic!("content of an unknown kind: {other:?}"),
    }
}

/// Writes the image into a new directory, as a restore would.
pub(crate) fn write_out(image: &DatabaseImage, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in &image.files {
        fs::write(to.join(file.name.to_string()), bytes(file)).unwrap();
    }
}

/// Copies the files of a directory, as a volume snapshot or `cp` does.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The names of the warnings, in their order.
pub(crate) fn warning_names(image: &DatabaseImage) -> Vec<WarningName> {
    image.warnings.iter().map(|warning| warning.name).collect()
}

/// The file names of the surplus.
pub(crate) fn surplus(image: &DatabaseImage) -> Vec<String> {
    let names = image.surplus.iter().map(|path| path.file_name().unwrap());
    names.map(|name| name.to_str().unwrap().to_owned()).collect()
}

/// The warnings about paths that end like this.
pub(crate) fn warnings(image: &DatabaseImage, about: &str) -> Vec<String> {
    let ours = image.warnings.iter().filter(|warning| {
        let path = warning.about.as_deref().unwrap_or_default();
        path.ends_with(about)
    });
    ours.map(|warning| warning.message.clone()).collect()
}

/// Appends bytes to a file.
pub(crate) fn append(path: &Path, bytes: &[u8]) {
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

/// Cuts bytes off the end of a file.
pub(crate) fn cut(path: &Path, bytes: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
}

/// Changes one byte of a file.
pub(crate) fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

/// Name, inode, length and time of change of everything in a directory, and of the directory itself.
pub(crate) fn state_of(directory: &Path) -> Vec<(PathBuf, u64, u64, (i64, i64))> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut state: Vec<_> = entries
        .chain([directory.to_owned()])
        .map(|path| {
            let metadata = fs::metadata(&path).unwrap();
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            (path, metadata.ino(), metadata.len(), changed)
        })
        .collect();
    state.sort();
    state
}
