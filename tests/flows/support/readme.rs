//! The examples of README.md, so that the tests run what users copy.

use std::{fs, path::Path};

use super::DEFAULT_ROOT;

/// The fenced block below `<!-- example: name -->`, with the router's root where users have the default one.
///
/// # Panics
/// When there is no such example, or when it does not call the default address.
pub fn readme_example(name: &str, root: &str) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let marker = format!("<!-- example: {name} -->\n```");
    let (_, after) = readme
        .split_once(&marker)
        .unwrap_or_else(|| panic!("README.md has no block below {marker}"));
    let (_language, block) = after.split_once('\n').unwrap();
    let (example, _) = block.split_once("```").unwrap();
    assert!(example.contains(DEFAULT_ROOT), "{example}");
    example.replace(DEFAULT_ROOT, root)
}
