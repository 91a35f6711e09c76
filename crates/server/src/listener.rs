//! Where connections come from: each thread has a listener of its own where the system can share an address among
//! several; elsewhere one loop accepts for all and deals the sockets out.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Bound sockets, one for each thread, or one to be shared.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<StdListener>,
}

impl Listeners {
    /// Listens on `address`, for `threads` threads. An address in use is an error, even if its user would share it.
    pub(crate) fn bind(address: SocketAddr, threads: usize) -> io::Result<Self> {
        let first = open(address, Sharing::No)?;
        if !SHARES_ADDRESSES {
            first.listen(BACKLOG)?;
            let socket = StdListener::from(first);
            return Ok(Self { address: socket.local_addr()?, sockets: vec![socket] });
        }
        // It only showed that nobody else listens here, and which port is ours.
        let address = first.local_addr()?.as_socket().unwrap_or(address);
        drop(first);
        let listen = |_| {
            let socket = open(address, Sharing::Yes)?;
            socket.listen(BACKLOG)?;
            Ok(StdListener::from(socket))
        };
        Ok(Self { address, sockets: (0..threads).map(listen).collect::<io::Result<_>>()? })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    No,
    Yes,
}

fn open(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        // A restart must not wait for old connections to be forgotten.
        socket.set_reuse_address(true)?;
    }
    #[cfg(target_os = "linux")]
    if sharing == Sharing::Yes {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = sharing;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Where one thread gets its connections.
#[derive(Debug)]
pub(crate) enum Intake {
    Dealt(mpsc::UnboundedReceiver<StdStream>),
    Own(TcpListener),
}

impl Intake {
    /// The next connection. Waits out what the system is short of.
    pub(crate) async fn next(&mut self) -> Option<(TcpStream, SocketAddr)> {
        match self {
            Self::Dealt(dealt) => loop {
                let tcp = TcpStream::from_std(dealt.recv().await?);
                if let Some(accepted) = tcp.and_then(|tcp| Ok((tcp.peer_addr()?, tcp))).ok().map(|(a, t)| (t, a)) {
                    return Some(accepted);
                }
            },
            Self::Own(listener) => Some(accept(listener).await),
        }
    }

    /// A connection that is here already: a client that was let in before the end is answered.
    pub(crate) fn waiting(&mut self) -> Option<(TcpStream, SocketAddr)> {
        let mut next = std::pin::pin!(self.next());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match next.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(next) => next,
            std::task::Poll::Pending => None,
        }
    }
}

/// Accepts for all threads, in turn.
pub(crate) async fn deal(listener: StdListener, threads: Vec<mpsc::UnboundedSender<StdStream>>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    for thread in threads.iter().cycle() {
        let (tcp, _) = accept(&listener).await;
        if let Ok(tcp) = tcp.into_std() {
            let _ = thread.send(tcp);
        }
    }
    Ok(())
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client left before it was let in: no reason to wait.
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory. The connection stays in the queue: trying at once would spin.
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(SHORTAGE).await;
            }
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Several sockets may listen on one address, and the system spreads connections over them.
pub(crate) const SHARES_ADDRESSES: bool = cfg!(target_os = "linux");
const BACKLOG: i32 = 4096;
const SHORTAGE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn one_loop_deals_to_all() {
        let first = open("127.0.0.1:0".parse().unwrap(), Sharing::No).unwrap();
        first.listen(8).unwrap();
        let listener = StdListener::from(first);
        let address = listener.local_addr().unwrap();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::unbounded_channel()).unzip();
        tokio::spawn(deal(listener, senders));
        let mut intakes: Vec<Intake> = receivers.into_iter().map(Intake::Dealt).collect();
        for round in 0..2 {
            for (number, intake) in intakes.iter_mut().enumerate() {
                let client = TcpStream::connect(address).await.unwrap();
                let (mut served, peer) = intake.next().await.unwrap();
                assert_eq!(peer, client.local_addr().unwrap(), "thread {number} in round {round}");
                drop(client);
                assert_eq!(served.read(&mut [0; 1]).await.unwrap(), 0);
            }
        }
        assert!(intakes.iter_mut().all(|intake| intake.waiting().is_none()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_address_belongs_to_one_server() {
        let ours = Listeners::bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let error = Listeners::bind(ours.address, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
