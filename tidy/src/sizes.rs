//! Files and functions stay small enough to be read.

use crate::{Finding, House, Source, source::leading_word};

const RULE: &str = "size";

pub(crate) fn check(sources: &[Source], house: &House) -> Vec<Finding> {
    let budget = &house.budget;
    let excepted = |what: &str| budget.exceptions.iter().any(|exception| exception.what == what);
    let mut findings = Vec::new();
    let mut sizes = Vec::new();
    let mut used = Vec::new();
    for source in sources {
        let lines = source.text().lines().count();
        sizes.push((lines, source.path()));
        if lines > budget.file_lines_max {
            let advice =
                format!("{lines} lines; the limit is {}, split by what a reader looks for", budget.file_lines_max);
            used.push(source.path().to_owned());
            if !excepted(source.path()) {
                findings.push(Finding::new(source.path(), 1, RULE, advice));
            }
        }
        for function in functions(source).filter(|function| function.lines > budget.function_lines_max) {
            let name = format!("{}::{}", source.path(), function.name);
            if !excepted(&name) {
                let advice = format!(
                    "fn `{}` has {} lines; the limit is {}",
                    function.name, function.lines, budget.function_lines_max
                );
                findings.push(Finding::new(source.path(), function.line, RULE, advice));
            }
            used.push(name);
        }
    }
    for exception in budget.exceptions.iter().filter(|exception| !used.contains(&exception.what)) {
        let advice = format!("the exception for `{}` is not needed; delete it", exception.what);
        findings.push(Finding::new(crate::house::FILE, 1, RULE, advice));
    }
    findings.extend(ninetieth(&mut sizes, budget.file_lines_p90));
    findings
}

/// Nine files of ten are within the smaller budget; the finding names those that would have to shrink first.
fn ninetieth(sizes: &mut [(usize, &str)], limit: usize) -> Option<Finding> {
    sizes.sort_unstable();
    let (lines, path) = *sizes.get((sizes.len() * 9).div_ceil(10).checked_sub(1)?)?;
    (lines > limit).then(|| {
        Finding::new(
            path,
            1,
            RULE,
            format!(
                "the ninetieth percentile of file sizes is {lines} lines, over {limit}; split this or a longer one"
            ),
        )
    })
}

struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

/// Functions with a body, from their `fn` to the closing brace.
fn functions(source: &Source) -> impl Iterator<Item = Function<'_>> {
    source.find("fn").into_iter().filter_map(|at| {
        let name = leading_word(source.after(at + 2));
        let close = source.close_of(body(source, at)?)?;
        let (line, last) = (source.line_of(at), source.line_of(close));
        (!name.is_empty()).then_some(Function { name, line, lines: last - line + 1 })
    })
}

/// The body's opening brace; none for a declaration.
fn body(source: &Source, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, byte) in source.after(at).bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' if depth == 0 => return Some(at + i),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut house = small();
        house.budget.exceptions.retain(|exception| exception.what.starts_with(path));
        check(&[Source::new(path, text)], &house).iter().map(Finding::to_string).collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}(a: [u8; 3]) -> bool {{{}}}\n", "\n".repeat(lines - 1))
    }

    #[test]
    fn planted_lengths_are_found() {
        assert!(found("a.rs", &function("fits", 10)).is_empty());
        assert_eq!(
            found("a.rs", &format!("\n{}", function("long", 11))),
            ["a.rs:2: size: fn `long` has 11 lines; the limit is 10"]
        );
        let long = found("a.rs", &"\n".repeat(31));
        assert!(long.iter().any(|line| line.contains("31 lines; the limit is 30")), "{long:?}");
        let wide = found("a.rs", &"\n".repeat(25));
        assert!(wide.iter().any(|line| line.contains("ninetieth percentile of file sizes is 25")), "{wide:?}");
    }

    #[test]
    fn an_exception_holds_for_its_function_and_must_be_needed() {
        assert!(found("crates/roof/src/long.rs", &function("table", 12)).is_empty());
        assert_eq!(found("crates/roof/src/long.rs", &function("other", 12)).len(), 2);
    }
}
