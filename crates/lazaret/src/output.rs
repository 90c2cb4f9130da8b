//! What people and programs read: aligned tables, and JSON beside each of them.

use std::io::{self, Write};

/// Writes to standard output. A closed pipe (`| head`) ends the program quietly, as other tools do.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Progress and notices, kept apart from what is piped onwards.
pub fn note(text: &str) {
    // Nowhere left to complain to when standard error is gone.
    let _gone = writeln!(io::stderr().lock(), "{text}");
}

/// Columns as wide as their widest cell; the last one is left ragged.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| -> String {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let rows = vec![vec!["1".to_owned(), "relationship.none".to_owned()], vec!["1234".to_owned(), "-".to_owned()]];
        assert_eq!(table(&["INDEX", "REASON"], &rows), "INDEX  REASON\n1      relationship.none\n1234   -");
    }
}
