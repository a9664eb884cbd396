//! Creates directories of the workspace for files that contain addresses.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::files;
use crate::model::error::Result;

/// Creates a directory with mode 0700, for files that contain addresses.
pub(crate) fn make_private_dir(dir: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| files::unusable(dir, &e))
}
