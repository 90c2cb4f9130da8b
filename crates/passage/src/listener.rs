//! The accept loop: who may connect at all, and how a listener comes to its end.

use crate::{
    House, Road,
    connection::{Door, Guest, converse},
    desk::Desk,
    limits::Neighbourhood,
    tally::End,
};
use identity::Acceptor;
use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Instant};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    time::{Duration, MissedTickBehavior, interval, sleep, timeout},
};

/// How a listener ended after it was told to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    /// Every connection and every passage came to its end.
    Kept,
    /// Some were still there; their dockets record `Abandoned` when the runtime drops them.
    Missed,
}

/// Bytes the kernel may hold unsent for a client: the bound on what has left although the client was cut (decision 36).
const UNSENT: u32 = 128 * 1024;

/// Serves the road until `stop` resolves, then drains.
pub async fn listen<R: Road>(
    tcp: TcpListener,
    acceptor: Acceptor,
    house: Arc<House<R>>,
    stop: impl Future<Output = ()>,
) -> Deadline {
    let desk = house.desk().clone();
    let served = serve(tcp, acceptor, house, stop);
    let ended = tokio::select! {
        ended = served => ended,
        never = tally_forever(&desk) => match never {},
    };
    // The last window. If the book is down, the counts are lost with the process; the metrics had them.
    let _lost = desk.write_tallies().await;
    ended
}

async fn tally_forever(desk: &Desk) -> Infallible {
    let mut window = interval(desk.settings.timeouts.tally);
    window.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        window.tick().await;
        // What could not be written is counted into the next window.
        let _later = desk.write_tallies().await;
    }
}

pub(crate) async fn serve<D: Door>(
    tcp: TcpListener,
    acceptor: Acceptor,
    door: Arc<D>,
    stop: impl Future<Output = ()>,
) -> Deadline {
    let desk = door.desk().clone();
    let limits = desk.settings.limits;
    let room = Arc::new(Semaphore::new(limits.open_connections));
    let turns = Arc::new(Semaphore::new(limits.handshakes));
    let (close, closing) = watch::channel(());
    // Nothing is ever sent: the channel ends when the last connection and the last passage have let go of it.
    let (alive, mut gone) = mpsc::channel::<Infallible>(1);
    tokio::pin!(stop);
    loop {
        let (socket, source) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = next(&tcp) => accepted,
        };
        let neighbourhood = Neighbourhood::of(source);
        let welcome = desk.guards.connections.charge(neighbourhood, Instant::now()).is_ok();
        let place = welcome.then(|| desk.guards.open.enter(neighbourhood)).flatten();
        let seat = room.clone().try_acquire_owned();
        let (Some(place), Ok(seat)) = (place, seat) else {
            desk.ended(End::Connections);
            continue;
        };
        quicken(&socket);
        let guest = Guest { source, turns: turns.clone(), closing: closing.clone(), alive: alive.clone() };
        let (acceptor, door) = (acceptor.clone(), door.clone());
        tokio::spawn(async move {
            converse(socket, &acceptor, door, guest).await;
            drop((place, seat));
        });
    }
    drop((tcp, alive, closing, door));
    let _none_left = close.send(());
    match timeout(desk.settings.timeouts.drain, gone.recv()).await {
        Ok(_) => Deadline::Kept,
        Err(_) => Deadline::Missed,
    }
}

async fn next(tcp: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match tcp.accept().await {
            Ok((socket, address)) => return (socket, address.ip()),
            // Out of file descriptors, or a client gone before it was accepted: neither ends the listener.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Options that matter for latency and for how much a stalled client can hold. None is needed for correctness.
fn quicken(socket: &TcpStream) {
    let _may_fail = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(socket);
        let _may_fail = socket.set_tcp_notsent_lowat(UNSENT);
        let _may_fail = socket.set_tcp_user_timeout(Some(Duration::from_secs(30)));
    }
}
