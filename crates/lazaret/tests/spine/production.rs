//! `up` material can never serve production (decision 23), and `init`, `check`, `run` behave as their help says.

use crate::house::{BINARY, House};
use std::path::Path;
use std::process::{Command, Output};

fn lazaret(words: &[&str], config: Option<&Path>) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.output().expect("lazaret runs")
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn run_refuses_everything_that_up_made() {
    let house = House::up();
    let manifest = house.data.join("lazaret.toml");
    let out = lazaret(&["run"], Some(&manifest));
    assert!(!out.status.success());
    for word in ["made by `lazaret up`", "development issuer", "development authority", "development origin"] {
        assert!(said(&out).contains(word), "{word}: {}", said(&out));
    }
    // Copied elsewhere, without the mark, each piece is still refused.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let copy = Command::new("cp")
        .arg("-r")
        .arg(format!("{}/.", house.data.display()))
        .arg(elsewhere.path())
        .status()
        .expect("cp");
    assert!(copy.success());
    std::fs::remove_file(elsewhere.path().join("DEVELOPMENT-ONLY")).expect("the mark");
    let out = lazaret(&["run"], Some(&elsewhere.path().join("lazaret.toml")));
    assert!(!out.status.success());
    assert!(!said(&out).contains("made by `lazaret up`"));
    for word in ["development issuer", "development authority", "development origin"] {
        assert!(said(&out).contains(word), "{word}: {}", said(&out));
    }
}

#[test]
fn init_makes_a_folder_that_check_explains() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = folder.path().join("perimeter");
    let out = lazaret(&["init", new.to_str().expect("a path")], None);
    assert!(out.status.success(), "{}", said(&out));
    for made in ["lazaret.toml", "policies/projections.toml", "keys/log.key", "book"] {
        assert!(new.join(made).exists(), "{made}");
    }
    assert!(
        !lazaret(&["init", new.to_str().expect("a path")], None).status.success(),
        "a folder that is there is not touched"
    );
    // Certificates are the operator's own: check names each missing one with its line.
    let out = lazaret(&["check"], Some(&new.join("lazaret.toml")));
    assert!(!out.status.success());
    assert!(said(&out).contains("tls/gateway.pem") && said(&out).contains("lazaret.toml:"), "{}", said(&out));
    assert!(said(&out).contains("hint:"));
}

/// What `check` says of an `init` folder after somebody changed it.
fn judged(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let new = folder.path().join("perimeter");
    assert!(lazaret(&["init", new.to_str().expect("a path")], None).status.success());
    change(&new);
    said(&lazaret(&["check"], Some(&new.join("lazaret.toml"))))
}

#[test]
fn check_finds_what_would_fail_open() {
    use std::os::unix::fs::PermissionsExt;
    let deny = |text: &'static str| move |new: &Path| std::fs::write(new.join("deny.list"), text).expect("written");
    assert!(!judged(deny("sub main someone\n")).contains("deny list"));
    assert!(judged(deny("sub other someone\n")).contains("no issuer is named `other`"));
    assert!(judged(deny("someone\n")).contains("deny list, line 1"));
    assert!(
        judged(|new| std::fs::remove_file(new.join("deny.list")).expect("removed"))
            .contains("deny.list` cannot be read")
    );
    let key = |mode: u32| {
        move |new: &Path| {
            let path = new.join("tls/gateway.key");
            std::fs::write(&path, "key").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        }
    };
    assert!(judged(key(0o644)).contains("others may read the key"));
    assert!(!judged(key(0o600)).contains("others may read the key"));
}

/// A type that nobody may name, an empty list and a file that is not there are told with their lines.
#[test]
fn check_judges_issuers_users_and_the_relationship_file() {
    let replaced = |from: &'static str, to: &'static str| {
        judged(move |new| {
            let manifest = new.join("lazaret.toml");
            let text = std::fs::read_to_string(&manifest).expect("a manifest");
            assert!(text.contains(from), "{text}");
            std::fs::write(&manifest, text.replacen(from, to, 1)).expect("written");
        })
    };
    let users = |list: &'static str| replaced("profile = ", list);
    assert!(users("fhir_users = [\"Device\"]\nprofile = ").contains("`Device` is not what fhirUser can name"));
    assert!(users("fhir_users = []\nprofile = ").contains("fhir_users is empty"));
    assert!(!users("fhir_users = [\"Patient\"]\nprofile = ").contains("fhir"));
    let file = |setting: &'static str| replaced("unlabelled = ", setting);
    assert!(file("relationship_file = \"teams.csv\"\nunlabelled = ").contains("teams.csv` cannot be read"));
    assert!(file("relationship_file = \"deny.list\"\nunlabelled = ").contains("relationship file, line 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_folder_of_up_serves_whoever_names_it() {
    let house = House::up();
    for (own, theirs) in
        [("keys/log.key", "keys/log.key"), ("policies/projections.toml", "issuer/jwks.json"), ("\"book\"", "book")]
    {
        let text = judged(|new| {
            let manifest = new.join("lazaret.toml");
            let path = house.data.join(theirs).display().to_string();
            let path = if own.starts_with('"') { format!("\"{path}\"") } else { path };
            let text = std::fs::read_to_string(&manifest).expect("a manifest").replace(own, &path);
            std::fs::write(&manifest, text).expect("written");
        });
        assert!(text.contains("lies in a folder that `lazaret up` made"), "{theirs}: {text}");
    }
}

#[test]
fn check_names_the_line_of_a_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lazaret.toml");
    std::fs::write(&path, "version = 1\n\n[organization]\nname = \"x\"\ntypo = 1\n").expect("written");
    let out = lazaret(&["check"], Some(&path));
    assert!(!out.status.success());
    assert!(said(&out).contains("lazaret.toml:5"), "{}", said(&out));
    let json = lazaret(&["check", "--json"], Some(&path));
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(value["faults"][0]["line"], 5);
}

#[test]
fn the_reference_in_the_docs_is_what_the_binary_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (words, page) in
        [(&["schema"][..], "lazaret.schema.json"), (&["schema", "--format", "markdown"], "settings.md")]
    {
        let out = lazaret(words, None);
        assert!(out.status.success());
        let committed = std::fs::read_to_string(root.join(page)).unwrap_or_default();
        let current = String::from_utf8_lossy(&out.stdout).trim() == committed.trim();
        assert!(current, "{page}: run `cargo xtask schema`");
    }
}

#[test]
fn completions_and_help_are_there() {
    for shell in ["bash", "zsh", "fish"] {
        let out = lazaret(&["completions", shell], None);
        assert!(out.status.success() && out.stdout.len() > 500, "{shell}");
    }
    assert!(said(&lazaret(&["--help"], None)).contains("evidence"));
}

/// A folder of `init` with certificates, as far as `run` reads them before it opens the book.
fn perimeter(folder: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let new = folder.join("perimeter");
    assert!(lazaret(&["init", "--domain", "harbor.test", new.to_str().expect("a path")], None).status.success());
    let key = rcgen::KeyPair::generate().expect("a key");
    for (stem, name) in [("gateway", "https://localhost"), ("gateway-svid", "spiffe://harbor.test/gateway")] {
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = vec![rcgen::SanType::URI(name.try_into().expect("a URI"))];
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed").pem();
        for file in [&format!("{stem}.pem"), "issuer-ca.pem", "upstream-ca.pem", "operators-ca.pem"] {
            std::fs::write(new.join("tls").join(file), &certificate).expect("written");
        }
        let path = new.join(format!("tls/{stem}.key"));
        std::fs::write(&path, key.serialize_pem()).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    let manifest = new.join("lazaret.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let text = text.replace("0.0.0.0:8443", "127.0.0.1:0").replace("127.0.0.1:8444", "127.0.0.1:0");
    let text = text.replace("upstream_certificate =", "client_trust = \"tls/issuer-ca.pem\"\nupstream_certificate =");
    std::fs::write(&manifest, text + "\n[[evidence.checkpoint_sink]]\npath = \"../kept/book.checkpoint\"\n")
        .expect("written");
    manifest
}

/// Decision 7: what is kept elsewhere is compared before anything is served.
#[test]
fn run_refuses_a_book_that_a_kept_checkpoint_does_not_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kept, manifest) = (folder.path().join("kept"), perimeter(folder.path()));
    let refused = || {
        let out = lazaret(&["run"], Some(&manifest));
        assert!(!out.status.success());
        said(&out)
    };
    let told = refused();
    assert!(told.contains("is its volume there?"), "{told}");
    std::fs::create_dir(&kept).expect("a folder");
    let told = refused();
    assert!(told.contains("verify --save"), "{told}");
    // What another book's writer signed.
    let other = folder.path().join("other");
    assert!(lazaret(&["init", "--domain", "harbor.test", other.to_str().expect("a path")], None).status.success());
    std::fs::copy(other.join("book/checkpoint"), kept.join("book.checkpoint")).expect("copied");
    let told = refused();
    assert!(told.contains("not a checkpoint of this book"), "{told}");
}
