//! This room is the house, built: manifest -> blueprint -> wiring, and the command line.
//!
//! It knows: every room, and how they are joined.
//! It refuses to know: anything a room decides. There is no logic of requests here.
//! It mints: nothing.
//! If it fails: at start, with the line of the manifest and a hint; exit code 1 for a fault, 2 for wrong usage.
//! Start reading at: `wiring.rs`.

mod blueprint;
mod cli;
mod drill_command;
mod evidence_command;
mod explain_command;
mod init;
mod manifest;
mod output;
mod personas;
mod process;
mod schema_command;
mod starter;
mod token_command;
mod up;
mod wiring;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    process::panic_without_words();
    if let Err(error) = process::keep_memory_private() {
        output::note(&format!("error: {error:#}"));
        return ExitCode::FAILURE;
    }
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            output::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(args) => up::up(&args),
        Command::Init(args) => init::init(&args),
        Command::Check(args) => init::check(&args),
        Command::Run(args) => wiring::run(&args.config),
        Command::Token(args) => token_command::token(&args),
        Command::Evidence { command } => evidence_command::evidence(&command),
        Command::Drill(args) => drill_command::drill(&args),
        Command::Explain(args) => explain_command::explain(&args),
        Command::Schema { format } => schema_command::schema(format),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "lazaret", &mut script);
            output::say(&String::from_utf8(script)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
