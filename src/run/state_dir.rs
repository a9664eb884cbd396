//! Directories of the workspace for files that hold addresses.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::files;
use crate::model::error::Result;

/// Makes a directory for files that hold addresses: mode 0700.
pub(crate) fn make_private_dir(dir: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| files::unusable(dir, &e))
}
