//! The documents at the front show programs as they are, and name what exists.

use std::fs;
use std::path::Path;

#[test]
fn the_readme_shows_the_quickstart_as_it_is_and_links_to_what_exists() {
    let readme = include_str!("../../README.md");
    let source = include_str!("../../examples/quickstart.rs");
    let (_, program) = source.split_once('\n').unwrap(); // Without the line that says what it is.
    assert!(readme.contains(&format!("```rust\n{program}```")), "{program}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let links = links.map(|(link, _)| link.split('#').next().unwrap_or(link));
    let links: Vec<_> = links.filter(|link| !link.contains("://")).collect();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        assert!(root.join(link).exists(), "{link}");
    }
}

/// Pairs of a link's name and its target.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("[`").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("`](")?;
        Some((name, rest.split_once(')')?.0))
    })
}

#[test]
fn the_readme_names_every_example_and_every_test_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = include_str!("../../README.md");
    let (before, promises) = readme.split_once("## Promises").unwrap();
    let programs = include_str!("../../examples/README.md");
    for example in fs::read_dir(root.join("examples")).unwrap() {
        let example = example.unwrap();
        let file = example.file_name().into_string().unwrap();
        // The page, and the code that the programs share.
        if file == "README.md" || file == "shared" {
            continue;
        }
        let (name, path) = if example.file_type().unwrap().is_dir() {
            (file.clone(), format!("examples/{file}/main.rs"))
        } else {
            (file.strip_suffix(".rs").unwrap().to_owned(), format!("examples/{file}"))
        };
        let told = programs.contains(&format!("\n## `{name}`"));
        assert!(told || links(before).any(|link| link == (&*name, &*path)), "{path}");
    }
    let mut tests = 0;
    for (name, path) in
        links(promises).filter(|(name, _)| name.contains('_') && !name.contains('.'))
    {
        let path = root.join(path);
        if path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        assert!(source.contains(&format!("fn {name}(")), "{name} in {}", path.display());
        tests += 1;
    }
    assert!(tests > 30, "{tests}");
}

/// The names of the folders in a folder.
fn folders(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn every_folder_of_code_is_a_room_of_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = include_str!("../../ARCHITECTURE.md");
    let rooms: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    // The source folder itself is left out of the names of rooms.
    let named = |place: &str, folder: &str| {
        let alone = format!("{place}/{folder}/`");
        let in_braces = format!("{place}/{{");
        rooms.iter().filter_map(|line| line.split_once(" |")).any(|(name, _)| {
            let braces =
                name.strip_prefix(in_braces.as_str()).and_then(|rest| rest.split_once("}/`"));
            name.contains(&alone)
                || braces.is_some_and(|(several, _)| several.split(',').any(|one| one == folder))
        })
    };
    for (place, folder) in [
        ("rpc-core", "rpc-core/src"),
        ("rpc-macros", "rpc-macros/src"),
        ("rpc-net", "rpc-net/src"),
        ("tests", "tests"),
    ] {
        for folder in folders(&root.join(folder)) {
            assert!(named(place, &folder), "{place}/{folder}/ is in no row of ARCHITECTURE.md");
        }
    }
}
