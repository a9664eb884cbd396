//! Who must not be mailed: the suppression files and their index.
