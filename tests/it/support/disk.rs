//! A disk that is small enough to be filled.

use std::process::Command;

use super::Workspace;

/// What takes up the room.
const FILLER: &str = "filler";

/// A small file system over a directory of the workspace; taken away when dropped.
pub(crate) struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `None` where this process may not mount.
    pub(crate) fn over(work: &Workspace, name: &str, size: &str) -> Option<Self> {
        let dir = work.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"])
            .arg(&dir)
            .output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: a small file system cannot be mounted here");
        None
    }

    /// Makes it larger.
    pub(crate) fn grow(&self, size: &str) {
        let done = Command::new("mount")
            .args(["-o", &format!("remount,size={size}")])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Uses up what is free but for this many octets.
    pub(crate) fn fill(&self, but: usize) {
        let mut file = std::fs::File::create(self.0.join(FILLER)).unwrap();
        let block = [0; 4096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(but as u64)).unwrap();
    }

    /// Frees what was used up.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.0.join(FILLER)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
