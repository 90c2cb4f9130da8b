//! Writes a clinic out, one resource a line, for servers that nobody here wrote. Says `clinic.json` of a data folder, so
//! that they hold what the gateway of that folder holds: `cargo run -p lazaret-clinic --example ndjson -- clinic.json`

#![expect(clippy::print_stdout, reason = "its work is to print")]

use clinic::World;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let saved = std::env::args().nth(1).ok_or("say which `clinic.json`")?;
    let world = World::from_saved(&std::fs::read_to_string(saved)?)?;
    for line in world.all().filter_map(|key| world.text(key)) {
        println!("{line}");
    }
    Ok(())
}
