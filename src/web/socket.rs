//! Room for the last minute before a deadline: connections that wait to be taken in, and that are open
//! at once. Both are small by default, and what lies beyond them is refused by the system unseen.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket, TcpKeepalive, Type};

/// Connections that may wait until the server takes them in; the system may allow fewer. Those beyond
/// try again after a whole second.
const BACKLOG: i32 = 4096;

/// A connection on which nothing came for so long is asked whether its other end is there.
const PROBE_AFTER: Duration = Duration::from_secs(60);
/// And again after so long.
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// Listens with room for many that come at once.
///
/// # Errors
/// What the system says of the address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart need not wait until the connections of the last run are forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Connections inherit it: one whose other end is gone without a word is closed some day.
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
    socket.set_tcp_keepalive(&probes)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Raises how many files and connections this process may have open to what it may raise it to, and
/// says how many: the usual 1,024 are fewer than the bidders of one busy minute.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn open_many() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.current)
}

/// Other systems have no such limit.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn open_many() -> io::Result<Option<u64>> {
    Ok(None)
}
