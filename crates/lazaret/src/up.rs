//! `lazaret up`: everything on one machine, for trying and for tests. Its material can never serve production.

mod folder;
mod guide;

use crate::blueprint::{Blueprint, Material};
use crate::cli::Up;
use crate::wiring::{self, Doors, Serving};
use crate::{output, process};
use anyhow::Context;
use clinic::{Clinic, Gate};
use folder::Folder;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

pub use folder::{WITHDRAWN, base_of};

/// Ports of this run, taken before anything is written that names them.
struct Ports {
    gateway: TcpListener,
    admin: TcpListener,
    clinic: TcpListener,
}

impl Ports {
    fn take(args: &Up) -> anyhow::Result<Self> {
        let bind = |port: u16, flag: &str| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} on localhost cannot be taken; choose another with {flag}"))
        };
        Ok(Self {
            gateway: bind(args.port, "--port")?,
            admin: bind(args.admin_port, "--admin-port")?,
            clinic: bind(0, "nothing: any free port will do")?,
        })
    }
}

/// A data folder with thirty patients, of which nothing runs.
#[cfg(test)]
pub fn make(path: &Path) -> anyhow::Result<()> {
    let folder = Folder::open_or_make(path, 30, process::now())?;
    folder.write_manifest(&guide::Ports { gateway: 8443, admin: 8444, clinic: 8445 })?;
    Ok(())
}

fn port_of(listener: &TcpListener) -> anyhow::Result<u16> {
    Ok(listener.local_addr()?.port())
}

pub fn up(args: &Up) -> anyhow::Result<ExitCode> {
    let ports = Ports::take(args)?;
    let numbers = guide::Ports {
        gateway: port_of(&ports.gateway)?,
        admin: port_of(&ports.admin)?,
        clinic: port_of(&ports.clinic)?,
    };
    let folder = Folder::open_or_make(&args.data, args.patients, process::now())?;
    let manifest = folder.write_manifest(&numbers)?;
    let blueprint = Blueprint::read(&manifest, Material::Development)?;
    let acceptor = folder.clinic_acceptor()?;
    let clinic = Clinic::new(folder.world().clone());
    let json = args.json;
    let data = folder.path().to_owned();
    wiring::serve(Serving {
        blueprint,
        manifest: manifest.clone(),
        material: Material::Development,
        doors: Doors { gateway: ports.gateway, admin: ports.admin },
        beside: Some(Box::new(move |stop| {
            Box::pin(async move {
                ports.clinic.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(ports.clinic)?;
                let gate = Gate { listener, acceptor, peer: folder::GATEWAY.to_owned() };
                clinic.serve(gate, stop).await;
                Ok(())
            })
        })),
        operators: vec![folder::ADMIN.to_owned()],
        ready: Box::new(move || announce(json, &data, &numbers)),
    })
}

fn announce(json: bool, data: &Path, ports: &guide::Ports) {
    if json {
        output::say(&guide::ready_line(data, ports));
    } else {
        output::say(&guide::guide(data, ports));
    }
}

/// The loopback address of a port.
fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
