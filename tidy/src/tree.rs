use crate::Source;
use std::{collections::BTreeMap, fs, io, path::Path, process::Command};

/// The text files of the repository, by path relative to its root with `/` between names.
#[derive(Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
    /// Words that this clone alone knows must not leak, from `.git/info/words` (one a line). Never tracked.
    private_words: Vec<String>,
}

impl Tree {
    /// A tree in memory, for tests.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        Self { files, private_words: Vec::new() }
    }

    #[must_use]
    pub fn with_private_words(mut self, words: &[&str]) -> Self {
        self.private_words = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The tree as it would be with `text` at the end of one file (a new one, if need be).
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.entry(path.to_owned()).or_default().push_str(text);
        self
    }

    /// What git would commit from `root`, or every file when git is not there (a source archive).
    pub fn read(root: &Path) -> io::Result<Self> {
        let names = match from_git(root) {
            Some(names) => names,
            None => from_folders(root)?,
        };
        let mut files = BTreeMap::new();
        for name in names {
            // A file deleted but not committed yet is listed and absent; a file that is not text has no rules.
            if let Ok(text) = fs::read_to_string(root.join(&name)) {
                files.insert(name, text);
            }
        }
        let words = fs::read_to_string(root.join(".git/info/words")).unwrap_or_default();
        let private_words = words.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(Self { files, private_words })
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub(crate) fn private_words(&self) -> &[String] {
        &self.private_words
    }

    /// Every Rust file, scanned once.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let rust = self.iter().filter(|(path, _)| path.ends_with(".rs"));
        let mut sources: Vec<Source> = rust.map(|(path, text)| Source::new(path, text)).collect();
        Source::mark_test_modules(&mut sources);
        sources
    }
}

fn from_git(root: &Path) -> Option<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8(listed.stdout).ok()?;
    Some(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn from_folders(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !(name == ".git" || name == "node_modules" || name.starts_with("target")) {
                    folders.push(path);
                }
            } else if let Ok(relative) = path.strip_prefix(root) {
                names.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(names)
}
