//! What `up` prints when it is ready: requests to paste, each with the command that shows its evidence.

use serde_json::json;
use std::path::Path;

pub struct Ports {
    pub gateway: u16,
    pub admin: u16,
    pub clinic: u16,
}

impl Ports {
    pub fn base(&self) -> String {
        format!("https://localhost:{}/fhir", self.gateway)
    }
}

/// For programs that start `up`.
pub fn ready_line(data: &Path, ports: &Ports) -> String {
    json!({
        "ready": true,
        "base": ports.base(),
        "port": ports.gateway,
        "admin_port": ports.admin,
        "clinic_port": ports.clinic,
        "data": data,
    })
    .to_string()
}

/// (title, persona, path)
const REQUESTS: &[(&str, &str, &str)] = &[
    ("a nurse reads a patient of hers: a minimal projection", "nurse", "Patient/p001"),
    ("the same nurse reads a stranger: 404, and the book knows why", "nurse", "Patient/p011"),
    ("she searches: only her patients are in the answer", "nurse", "Observation?category=laboratory&_count=3"),
    ("she searches by what she is not shown: 403", "nurse", "Patient?identifier=LZMRN0000001"),
    ("support reads a patient", "support", "Patient/p002"),
    ("support reads an observation: 403, with a reason code", "support", "Observation/obs-p002-1"),
    ("a wrong scope: 403, and the scope to ask for", "nurse-wrong-scope", "Patient/p001"),
    ("no second factor: 401, a step-up challenge", "nurse-no-mfa", "Patient/p001"),
];

pub fn guide(data: &Path, ports: &Ports) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "lazaret".into());
    let (program, data) = (quoted(&program), quoted(data));
    let base = ports.base();
    let curl = |token: &str, path: &str| {
        format!("  curl -sS -i --cacert {data}/ca.pem -H \"Authorization: Bearer {token}\" '{base}/{path}'; echo")
    };
    let evidence = format!("  {program} evidence show last --data {data}");
    let mut lines = vec![
        format!("\nLazaret is up: {base}  (a clinic of synthetic patients behind it; all hops TLS 1.3)"),
        "Paste these into another terminal. Each request is followed by the command that shows and checks its evidence.".to_owned(),
    ];
    for (at, (title, persona, path)) in REQUESTS.iter().enumerate() {
        lines.push(format!("\n# {}. {title}", at + 1));
        lines.push(curl(&format!("$({program} token {persona} --data {data})"), path));
        lines.push(evidence.clone());
    }
    lines.push(format!("\n# {}. a forged token: 401, nothing learned", REQUESTS.len() + 1));
    // The last signature character carries bits that do not count; one in the middle does.
    lines.push(curl(
        &format!("$({program} token nurse --data {data} | sed 's/\\.[^.]*$/.{}/')", "A".repeat(86)),
        "Patient/p001",
    ));
    lines.push(evidence);
    lines.push("\n# the whole book: a list, a proof, and why a request would be refused".to_owned());
    lines.push(format!("  {program} evidence list --data {data}"));
    lines.push(format!("  {program} evidence verify --data {data}"));
    lines.push(format!("  {program} explain --as nurse Patient/p011 --data {data}"));
    lines.push(format!("  {program} explain surface --as nurse Patient --data {data}"));
    lines.push(format!("  {program} explain worth --as nurse --data {data}"));
    lines.push("\nCtrl-C stops it. The next `up` finds its data again.".to_owned());
    lines.join("\n")
}

/// For a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
