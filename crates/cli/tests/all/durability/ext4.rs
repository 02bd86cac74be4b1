//! A directory on ext4: the temporary one, or a file that is mounted for the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The smallest that has a journal as large ones have.
const DISK_BYTES: u64 = 64 << 20;

/// See the [module](self); a mounted one goes when this is dropped.
pub(super) enum Ext4 {
    Here,
    Mounted(TempDir),
}

impl Ext4 {
    pub(super) fn find() -> Result<Self, String> {
        if is_ext4(&std::env::temp_dir()) {
            return Ok(Ext4::Here);
        }
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (image, root) = (directory.path().join("image"), directory.path().join("root"));
        let made = File::create(&image).and_then(|file| file.set_len(DISK_BYTES));
        made.and_then(|()| std::fs::create_dir(&root))
            .map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&root))?;
        Ok(Ext4::Mounted(directory))
    }

    pub(super) fn place(&self) -> PathBuf {
        match self {
            Ext4::Here => std::env::temp_dir(),
            Ext4::Mounted(directory) => directory.path().join("root"),
        }
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        if let Ext4::Mounted(directory) = self {
            let _ = Command::new("umount").arg(directory.path().join("root")).status();
        }
    }
}

fn is_ext4(directory: &Path) -> bool {
    let told = Command::new("stat")
        .args(["-f", "-c", "%T"])
        .arg(directory)
        .output();
    told.is_ok_and(|output| output.stdout == b"ext2/ext3\n")
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "no ext4 can be mounted here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("{:?}: {error}", command.get_program())),
    }
}
