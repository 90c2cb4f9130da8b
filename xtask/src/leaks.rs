//! `cargo xtask interop leaks`: the corpus of attacks against Lazaret and its peers, all holding the same clinic; the result
//! is docs/leaks.md.

mod concepts;
mod description;
mod part;
mod table;

use crate::commands;
use anyhow::{Context, Result, bail};
use concepts::Product;
use description::Changes;
use part::Part;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use table::Column;

/// The label that the nurse is cleared for, and those above it, in the words of a FHIR search.
const CLEARED: &str = "_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N\
                       &_security:not=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R\
                       &_security:not=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V";
const LABORATORY: &str = "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
/// What the nurse reads of her patients, and what everybody who works here reads.
const CLINICAL: [&str; 7] =
    ["AllergyIntolerance", "CareTeam", "Condition", "Encounter", "MedicationRequest", "Observation", "Patient"];
const DIRECTORY: [&str; 3] = ["Organization", "Practitioner", "PractitionerRole"];
/// Her list, for a gateway that knows people's patients by lists.
const LIST: &str = "list-of-nurse-1";
/// The drill's own patient, who is also the persona `patient`.
const OWN: &str = "p001";
/// Seconds that tokens live.
const LIFETIME_S: i64 = 3_600;

pub fn run(root: &Path) -> Result<ExitCode> {
    for (name, flag) in [("java", "-version"), ("mvn", "--version")] {
        commands::version(name, flag)
            .with_context(|| format!("`{name}` is not installed; the peers need Java 17 and Maven"))?;
    }
    let bench = Bench::build(root)?;
    let columns = vec![
        bench.lazaret()?,
        bench.hapi()?,
        bench.gateway(Product::GatewayList)?,
        bench.gateway(Product::GatewayPatient)?,
    ];
    let page = root.join("docs/leaks.md");
    fs::write(&page, table::page(&columns, &facts(root)?))?;
    println!("{}\nwritten: {}", table::totals(&columns), page.display());
    Ok(if columns.iter().any(|column| column.product == Product::Lazaret && column.leaked() > 0) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Which versions, and when.
fn facts(root: &Path) -> Result<table::Facts> {
    let text = |command: &mut Command| commands::output(command).map(|text| text.trim().to_owned());
    let version = |part: &str, name: &str| -> Result<String> {
        let pom = fs::read_to_string(root.join("interop").join(part).join("pom.xml"))?;
        let found = pom.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<'));
        Ok(found.with_context(|| format!("{part}/pom.xml has no {name}"))?.0.to_owned())
    };
    Ok(table::Facts {
        date: text(Command::new("date").args(["-u", "+%Y-%m-%d"]))?,
        lazaret: text(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root))?,
        hapi: version("hapi", "hapi.version")?,
        gateway: version("information-gateway", "gateway.version")?,
    })
}

/// Everything that is needed to start a product, in one folder.
struct Bench {
    folder: PathBuf,
    interop: PathBuf,
    binary: PathBuf,
    /// The running `lazaret up`, and its own description: the others are made from it.
    up: Part,
    described: String,
    nurses_patients: Vec<String>,
}

impl Bench {
    fn build(root: &Path) -> Result<Self> {
        let interop = root.join("interop");
        commands::run(commands::cargo(root).args(["build", "--package", "lazaret"]))?;
        for part in ["hapi", "information-gateway"] {
            println!("in interop/{part}: Maven fetches it the first time");
            let mut maven = Command::new("mvn");
            commands::run(maven.args(["--batch-mode", "--quiet", "package"]).current_dir(interop.join(part)))?;
        }
        let binary = commands::binary(root)?;
        let folder = binary.with_file_name("leaks");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let data = folder.join("data");
        let mut up = Command::new(&binary);
        up.args(["up", "--patients", "30", "--port", "0", "--admin-port", "0", "--json", "--data"]).arg(&data);
        let up = Part::start(&mut up, &folder.join("lazaret.log"))?;
        let mut describe = Command::new(&binary);
        let described = commands::output(describe.args(["drill", "--describe", "--data"]).arg(&data))?;
        let mut ndjson = commands::cargo(root);
        ndjson.args(["run", "--quiet", "--package", "lazaret-clinic", "--example", "ndjson", "--"]);
        let world = commands::output(ndjson.arg(data.join("clinic.json")))?;
        let nurses_patients = nurses_patients(&world)?;
        fs::write(folder.join("world.ndjson"), &world)?;
        fs::write(folder.join("world-and-list.ndjson"), format!("{world}{}\n", list(&nurses_patients)))?;
        Ok(Self { folder, interop, binary, up, described, nurses_patients })
    }

    fn lazaret(&self) -> Result<Column> {
        let base = self.up.said("base")?;
        println!("attacking Lazaret at {base}");
        let mut drill = Command::new(&self.binary);
        drill.args(["drill", "--json", "--data"]).arg(self.folder.join("data"));
        self.column(Product::Lazaret, &mut drill)
    }

    /// HAPI with rules of its own.
    fn hapi(&self) -> Result<Column> {
        let rules = rules(&self.nurses_patients);
        let file = self.folder.join("rules.json");
        fs::write(&file, rules.to_string())?;
        let server = self.hapi_with("world.ndjson", Some(&file))?;
        let base = format!("http://127.0.0.1:{}/fhir", server.port()?);
        let tokens = rules.as_object().into_iter().flat_map(|rules| rules.keys());
        let tokens = tokens.map(|token| (token.trim_start_matches("token-").to_owned(), token.clone())).collect();
        self.attack(Product::HapiRules, Changes { base, tokens, upstream: None, not_stored: not_stored(&server) })
    }

    /// FHIR Information Gateway in front of a HAPI that serves everybody.
    fn gateway(&self, product: Product) -> Result<Column> {
        let server = self.hapi_with("world-and-list.ndjson", None)?;
        let upstream = format!("127.0.0.1:{}", server.port()?);
        let claims = self.folder.join("claims.json");
        let (checker, people) = match product {
            Product::GatewayPatient => ("patient", patients_claims()),
            _ => ("list", nurses_claims()),
        };
        fs::write(&claims, people.to_string())?;
        let issuer = Part::start(
            self.java("information-gateway", "Issuer").env("LAZARET_CLAIMS", &claims),
            &self.folder.join("issuer.log"),
        )?;
        let gateway = Part::start(
            self.java("information-gateway", "Gateway")
                .env("PROXY_TO", format!("http://{upstream}/fhir"))
                .env("BACKEND_TYPE", "HAPI")
                .env("TOKEN_ISSUER", issuer.said("issuer")?)
                .env("ACCESS_CHECKER", checker)
                .env("ALLOWED_QUERIES_FILE", self.interop.join("information-gateway/page-links.json")),
            &self.folder.join("gateway.log"),
        )?;
        let base = format!("http://127.0.0.1:{}/fhir", gateway.port()?);
        let minted = issuer.ready.get("tokens").and_then(Value::as_object).context("the issuer made no tokens")?;
        let token = |(name, token): (&String, &Value)| Some((name.clone(), token.as_str()?.to_owned()));
        let tokens = minted.iter().filter_map(token).collect();
        self.attack(product, Changes { base, tokens, upstream: Some(upstream), not_stored: not_stored(&server) })
    }

    fn hapi_with(&self, world: &str, rules: Option<&Path>) -> Result<Part> {
        println!("starting HAPI: about a minute");
        let mut command = self.java("hapi", "Launcher");
        command.env("LAZARET_NDJSON", self.folder.join(world)).env_remove("LAZARET_CERT").env_remove("LAZARET_RULES");
        if let Some(rules) = rules {
            command.env("LAZARET_RULES", rules);
        }
        Part::start(&mut command, &self.folder.join("hapi.log"))
    }

    fn java(&self, part: &str, class: &str) -> Command {
        let target = self.interop.join(part).join("target");
        let mut command = Command::new("java");
        command.args(["-Xmx1g", "-cp"]).arg(format!("{0}/{part}-1.jar:{0}/lib/*", target.display()));
        command.arg(format!("launcher.{class}"));
        command
    }

    fn attack(&self, product: Product, changes: Changes) -> Result<Column> {
        println!("attacking {} at {}", product.name(), changes.base);
        let target = self.folder.join("target.toml");
        fs::write(&target, changes.apply(&self.described, product))?;
        let mut drill = Command::new(&self.binary);
        self.column(product, drill.args(["drill", "--json", "--target"]).arg(target))
    }

    /// The report stays in the folder, for whoever wants to know more than the page says.
    fn column(&self, product: Product, drill: &mut Command) -> Result<Column> {
        let report = drilled(drill)?;
        fs::write(self.folder.join(format!("{product:?}.json")), report.to_string())?;
        Column::new(product, &report)
    }
}

/// A drill that found a leak ends with 1, and has said what it found.
fn drilled(command: &mut Command) -> Result<Value> {
    let output = command.output().context("the drill does not start")?;
    let Ok(report) = serde_json::from_slice(&output.stdout) else {
        bail!("the drill failed: {}", String::from_utf8_lossy(&output.stderr));
    };
    Ok(report)
}

fn not_stored(server: &Part) -> Vec<String> {
    let refused = server.ready.get("refused").and_then(Value::as_array).into_iter().flatten();
    refused.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// In whose care teams nurse-1 is.
fn nurses_patients(world: &str) -> Result<Vec<String>> {
    let mut patients = Vec::new();
    for line in world.lines() {
        let resource: Value = serde_json::from_str(line)?;
        let is_hers = resource.get("resourceType").is_some_and(|of| of == "CareTeam")
            && resource.get("participant").is_some_and(|who| who.to_string().contains("\"Practitioner/nurse-1\""));
        let subject = resource.pointer("/subject/reference").and_then(Value::as_str);
        if let Some(patient) = subject.filter(|_| is_hers).and_then(|subject| subject.strip_prefix("Patient/")) {
            patients.push(patient.to_owned());
        }
    }
    if patients.is_empty() {
        bail!("nurse-1 is in no care team");
    }
    Ok(patients)
}

fn list(patients: &[String]) -> Value {
    let item = |patient: &String| json!({"item": {"reference": format!("Patient/{patient}")}});
    let entries: Vec<Value> = patients.iter().map(item).collect();
    json!({"resourceType": "List", "id": LIST, "status": "current", "mode": "working", "entry": entries})
}

/// What the policies of `lazaret up` say, as far as HAPI's rules can say it.
fn rules(patients: &[String]) -> Value {
    let own = |only: Value| json!({"types": CLINICAL, "patients": patients, "filter": CLEARED, "only": only});
    let observations =
        |filter: &str| json!({"types": ["Observation"], "patients": patients, "filter": format!("{CLEARED}&{filter}")});
    let directory = json!({"types": DIRECTORY});
    json!({
        "token-nurse": [own(Value::Null), directory],
        "token-read-only": [own(json!("read"))],
        "token-search-only": [own(json!("search"))],
        "token-granular": [observations(LABORATORY), observations("status=cancelled")],
        "token-wrong-scope": [{"types": ["Appointment"], "patients": patients, "filter": CLEARED}],
        "token-support": [{"types": ["Patient"], "filter": CLEARED, "only": "read"}],
        "token-patient": [{"types": CLINICAL, "patients": [OWN]}, {"types": ["Coverage"], "patients": [OWN]}, directory],
    })
}

/// Whom a token is for. The checkers are told nothing about it, and ask nothing.
const AUDIENCE: &str = "fhir";
const OTHER_AUDIENCE: &str = "https://elsewhere.example/fhir";

/// The checker `list` looks at nothing but the list.
fn nurses_claims() -> Value {
    let claims = |aud: &str, exp: i64| json!({"exp": exp, "sub": "nurse-1", "aud": aud, "patient_list": LIST});
    json!({
        "nurse": claims(AUDIENCE, LIFETIME_S),
        "expired": claims(AUDIENCE, -LIFETIME_S),
        "other-audience": claims(OTHER_AUDIENCE, LIFETIME_S),
    })
}

/// The checker `patient` reads one patient's record, within scopes. Here it is this patient who attacks.
fn patients_claims() -> Value {
    let all = |aud: &str, exp: i64, scope: &str| json!({"exp": exp, "sub": "patient-p001", "aud": aud, "patient_id": OWN, "scope": scope});
    let claims = |scope: &str| all(AUDIENCE, LIFETIME_S, scope);
    let clinical = |letters: &str| CLINICAL.map(|of| format!("patient/{of}.{letters}")).join(" ");
    let observations = |query: &str| format!("patient/Observation.rs?{query}");
    let granular = format!("{} {}", observations(LABORATORY), observations("status=cancelled"));
    json!({
        "nurse": claims(&clinical("rs")),
        "patient": claims(&clinical("rs")),
        "read-only": claims(&clinical("r")),
        "search-only": claims(&clinical("s")),
        "wrong-scope": claims("patient/Appointment.rs"),
        "scope-empty": claims("patient/*."),
        "scope-letters": claims("patient/*.xyz"),
        "scope-modifier": claims(&observations("code:in=http://example.org/ValueSet/x")),
        "scope-chain": claims(&observations("patient.name=a")),
        "granular": claims(&granular),
        "expired": all(AUDIENCE, -LIFETIME_S, &clinical("rs")),
        "other-audience": all(OTHER_AUDIENCE, LIFETIME_S, &clinical("rs")),
    })
}
