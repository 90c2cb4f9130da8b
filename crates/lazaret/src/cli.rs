//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A zero-trust data plane for healthcare: every request that touches health data is authenticated, authorized,
/// encrypted and provable.
#[derive(Parser)]
#[command(name = "lazaret", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Try it: a local authority, a token issuer, a small clinic and the gateway, in one process. Development only.
    Up(Up),
    /// Make a folder with a starter manifest, policies, fresh keys and an empty book.
    Init(Init),
    /// Read a manifest and say everything that is wrong with it, with line and hint.
    Check(Config),
    /// Serve what a manifest declares.
    Run(Config),
    /// Print an access token of a development persona (the folder of `up` only).
    Token(Token),
    /// Look at the book and verify it. Works while Lazaret runs; pseudonyms stay pseudonyms.
    Evidence {
        #[command(subcommand)]
        command: Evidence,
    },
    /// Say why a persona's request would be permitted or refused, without making it.
    Explain(Explain),
    /// Attack a gateway by the public leak corpus, and say what held: the one of `up`, or any other that is described.
    Drill(Drill),
    /// Print the JSON Schema of lazaret.toml, or the reference page made from it.
    Schema {
        #[arg(long, value_enum, default_value_t = SchemaShape::Json)]
        format: SchemaShape,
    },
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub enum SchemaShape {
    Json,
    Markdown,
}

/// Patients of a new clinic, unless said otherwise.
pub const PATIENTS: u32 = 200;

#[derive(Args)]
pub struct Up {
    /// Data folder; made when it is not there, found again when it is.
    #[arg(long, default_value = "lazaret-data")]
    pub data: PathBuf,
    /// Synthetic patients in the clinic (of a new folder).
    #[arg(long, default_value_t = PATIENTS, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub patients: u32,
    /// Port of the gateway on localhost.
    #[arg(long, default_value_t = 8443)]
    pub port: u16,
    /// Port of the operator's listener; 0 takes a free one.
    #[arg(long, default_value_t = 8444)]
    pub admin_port: u16,
    /// Print one JSON line when ready, instead of the guide.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Init {
    pub directory: PathBuf,
    /// Your domain: names the trust domain, the addresses to edit, and the book's origin, which cannot change later.
    #[arg(long, default_value = "harbor.example")]
    pub domain: String,
}

#[derive(Args)]
pub struct Config {
    /// The manifest.
    #[arg(long, short, default_value = "lazaret.toml")]
    pub config: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Token {
    /// nurse, physician, support, billing, analyst, admin, patient, nurse-no-mfa, nurse-wrong-scope.
    #[arg(required_unless_present = "list")]
    pub persona: Option<String>,
    /// List the personas.
    #[arg(long)]
    pub list: bool,
    #[arg(long, default_value = "lazaret-data")]
    pub data: PathBuf,
    /// Seconds the token lives.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub lifetime_s: u64,
    /// Pretend that it was issued so many seconds ago, to see how a stale token is refused.
    #[arg(long, default_value_t = 0)]
    pub issued_s_ago: u64,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Evidence {
    /// List records, the newest last.
    List {
        #[command(flatten)]
        book: BookArgs,
        /// How many.
        #[arg(long, default_value_t = 20)]
        last: usize,
        /// Only this reason code, such as relationship.none.
        #[arg(long)]
        reason: Option<String>,
        /// Print as JSON, one record a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one record with its proof of inclusion checked.
    Show {
        /// An index, a trace id (the `lazaret-trace` header of an answer), or `last`.
        record: String,
        #[command(flatten)]
        book: BookArgs,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Recompute the whole book and compare it with its checkpoint, and with one kept elsewhere.
    Verify {
        #[command(flatten)]
        book: BookArgs,
        /// A checkpoint kept elsewhere; any change to what it covers is found.
        #[arg(long)]
        since: Option<PathBuf>,
        /// The log's verifier key (C2SP vkey), kept elsewhere. Without it the book's own word is taken.
        #[arg(long)]
        key: Option<String>,
        /// Write the current checkpoint to this file, to keep elsewhere.
        #[arg(long)]
        save: Option<PathBuf>,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct BookArgs {
    /// The data folder of `up`.
    #[arg(long, default_value = "lazaret-data", conflicts_with = "config")]
    pub data: PathBuf,
    /// The manifest whose book to read.
    #[arg(long, short)]
    pub config: Option<PathBuf>,
}

#[derive(Args)]
pub struct Drill {
    /// A target description (docs/drill.md); without it, the running `up` of the data folder.
    #[arg(long, conflicts_with = "data")]
    pub target: Option<PathBuf>,
    #[arg(long, default_value = "lazaret-data")]
    pub data: PathBuf,
    /// Print the description of the running `up` instead, with fresh tokens, to edit or to keep for an hour.
    #[arg(long, conflicts_with_all = ["target", "only", "json"])]
    pub describe: bool,
    /// Only this attack, or this row of the catalogue, such as C13.
    #[arg(long)]
    pub only: Option<String>,
    /// Print as JSON, every attack.
    #[arg(long)]
    pub json: bool,
    /// The target is mine to attack. Without it only this machine is attacked.
    #[arg(long)]
    pub i_own_this: bool,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Explain {
    #[command(subcommand)]
    pub what: Option<ExplainWhat>,
    /// The development persona that asks.
    #[arg(long = "as", required = true)]
    pub persona: Option<String>,
    /// The request, such as `Patient/p001`, or with a method: `GET Patient/p001`.
    #[arg(required = true, num_args = 1..=2)]
    pub request: Vec<String>,
    #[arg(long, default_value = "lazaret-data")]
    pub data: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum ExplainWhat {
    /// What a persona may search a type by, and what stands in the way of the rest.
    Surface(ExplainSurface),
    /// What a stolen token of a persona is worth: how long it lives, how fast it reads, whose data it reaches.
    Worth(ExplainWorth),
}

#[derive(Args)]
pub struct ExplainSurface {
    /// The development persona that asks.
    #[arg(long = "as")]
    pub persona: String,
    /// The type that is searched, such as `Patient`.
    #[arg(value_name = "TYPE")]
    pub of: String,
    #[arg(long, default_value = "lazaret-data")]
    pub data: PathBuf,
    /// Print as JSON, every row.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ExplainWorth {
    /// The development persona whose token it is.
    #[arg(long = "as")]
    pub persona: String,
    /// Seconds the token lives.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub lifetime_s: u64,
    #[arg(long, default_value = "lazaret-data")]
    pub data: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}
