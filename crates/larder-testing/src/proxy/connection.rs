//! One connection: what is read from one end is written to the other, as far as faults let it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

use super::conditions::{Conditions, Ending, Way};
use super::wire::{Event, Wire};
use super::{Direction, Fault};

/// How much is read at a time.
const PORTION: usize = 1 << 16;

/// How long a piece takes where bytes are counted by the second.
const BEAT: Duration = Duration::from_millis(1);

/// Forwards a connection until it ends.
pub(super) async fn forward(way: Arc<Way>, mut client: TcpStream) {
    let entry = way.enter();
    let mut conditions = way.watch();
    let ending = tokio::select! {
        biased;
        ended = conditions.wait_for(|now| now.ends > entry.ends) => {
            ended.map_or(Ending::Closed, |now| now.ending)
        }
        ending = forward_undisturbed(&way, &mut client) => ending,
    };
    finish(&client, ending);
    // Closed before it counts as gone.
    drop(client);
    drop(entry);
}

async fn forward_undisturbed(way: &Way, client: &mut TcpStream) -> Ending {
    if let Some(fault) = way.rules.strike(&Event::Connection)
        && let Err(ending) = suffer(fault, &mut way.watch()).await
    {
        return ending;
    }
    way.rules.passed(&Event::Connection);
    let mut conditions = way.watch();
    let flows = |now: &Conditions| !now.held[Direction::ToServer as usize];
    let Ok(to) = conditions.wait_for(flows).await.map(|now| now.to) else {
        return Ending::Closed;
    };
    // Where nobody listens, this is how the client learns of it.
    let Ok(mut server) = TcpStream::connect(to).await else {
        return Ending::Reset;
    };
    // Each piece travels by itself.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let wire = Mutex::new(Wire::new(way.reads_along));
    let ending = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let requests = Pump::new(way, &wire, Direction::ToServer, to_server);
        let replies = Pump::new(way, &wire, Direction::ToClient, to_client);
        let both = tokio::try_join!(requests.run(from_client), replies.run(from_server));
        both.err().unwrap_or(Ending::Closed)
    };
    finish(&server, ending);
    ending
}

/// Closes by a reset, if it has to end so.
fn finish(stream: &TcpStream, ending: Ending) {
    if ending == Ending::Reset {
        let _ = stream.set_zero_linger();
    }
}

/// What a fault does to the direction in which it struck.
async fn suffer(fault: Fault, conditions: &mut watch::Receiver<Conditions>) -> Result<(), Ending> {
    match fault {
        Fault::Cut => Err(Ending::Reset),
        Fault::Close => Err(Ending::Closed),
        Fault::Hold => {
            let since = conditions.borrow().resumed;
            let resumed = conditions.wait_for(|now| now.resumed > since).await;
            resumed.map(|_| ()).map_err(|_| Ending::Closed)
        }
    }
}

/// One direction of a connection.
struct Pump<'p> {
    way: &'p Way,
    wire: &'p Mutex<Wire>,
    direction: Direction,
    to: WriteHalf<'p>,
    conditions: watch::Receiver<Conditions>,
    half: u64,
}

impl<'p> Pump<'p> {
    fn new(way: &'p Way, wire: &'p Mutex<Wire>, direction: Direction, to: WriteHalf<'p>) -> Self {
        let conditions = way.watch();
        let half = conditions.borrow().halves[direction as usize];
        Self {
            way,
            wire,
            direction,
            to,
            conditions,
            half,
        }
    }

    /// Forwards until the sender has nothing more to say.
    async fn run(mut self, mut from: ReadHalf<'_>) -> Result<(), Ending> {
        let mut unread = Vec::new();
        let mut portion = vec![0; PORTION];
        loop {
            self.until_it_flows().await?;
            let read = tokio::select! {
                biased;
                () = half_closed(self.way.watch(), self.direction, self.half) => 0,
                read = from.read(&mut portion) => of_io(read)?,
            };
            if read == 0 {
                of_io(self.to.shutdown().await)?;
                return Ok(());
            }
            unread.extend_from_slice(&portion[..read]);
            let taken = self.pass(&unread).await?;
            unread.drain(..taken);
        }
    }

    /// Passes on what is complete; says how many bytes that were.
    async fn pass(&mut self, bytes: &[u8]) -> Result<usize, Ending> {
        let (mut written, mut end) = (0, 0);
        while let Some((length, event)) = self.next(&bytes[end..]) {
            if let Some(event) = event {
                if let Some(fault) = self.way.rules.strike(&event) {
                    self.write(&bytes[written..end]).await?;
                    written = end;
                    suffer(fault, &mut self.conditions).await?;
                }
                end += length;
                self.write(&bytes[written..end]).await?;
                written = end;
                self.way.rules.passed(&event);
            } else {
                end += length;
            }
        }
        self.write(&bytes[written..end]).await?;
        Ok(end)
    }

    fn next(&self, bytes: &[u8]) -> Option<(usize, Option<Event>)> {
        if bytes.is_empty() {
            return None;
        }
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        match self.direction {
            Direction::ToServer => wire.request(bytes),
            Direction::ToClient => wire.reply(bytes),
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Ending> {
        if bytes.is_empty() {
            return Ok(());
        }
        let delay = self.conditions.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        while !bytes.is_empty() {
            self.until_it_flows().await?;
            let rate = self.conditions.borrow().rate;
            let piece = match rate {
                None => bytes.len(),
                Some(rate) => (rate / 1000).clamp(1, bytes.len()),
            };
            let passed = self.write_piece(&bytes[..piece]).await?;
            bytes = &bytes[passed..];
            if rate.is_some() {
                sleep(BEAT).await;
            }
        }
        Ok(())
    }

    /// Writes a piece, or what of it may pass before a fault; says how much.
    async fn write_piece(&mut self, piece: &[u8]) -> Result<usize, Ending> {
        if self.direction == Direction::ToServer {
            of_io(self.to.write_all(piece).await)?;
            return Ok(piece.len());
        }
        let until_fault = self.way.rules.bytes_until_fault();
        let allowed = until_fault.map_or(piece.len(), |bytes| {
            usize::try_from(bytes).map_or(piece.len(), |bytes| bytes.min(piece.len()))
        });
        of_io(self.to.write_all(&piece[..allowed]).await)?;
        self.way.rules.count_bytes(allowed as u64);
        if allowed < piece.len()
            && let Some(fault) = self.way.rules.strike_at_bytes()
        {
            suffer(fault, &mut self.conditions).await?;
        }
        Ok(allowed)
    }

    async fn until_it_flows(&mut self) -> Result<(), Ending> {
        let direction = self.direction as usize;
        let flows = self.conditions.wait_for(|now| !now.held[direction]).await;
        flows.map(|_| ()).map_err(|_| Ending::Closed)
    }
}

/// Waits until one direction of all connections is ended.
async fn half_closed(
    mut conditions: watch::Receiver<Conditions>,
    direction: Direction,
    since: u64,
) {
    let ended = |now: &Conditions| now.halves[direction as usize] > since;
    if conditions.wait_for(ended).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// An error of one end is passed on to the other as a reset.
fn of_io<T>(result: io::Result<T>) -> Result<T, Ending> {
    result.map_err(|_| Ending::Reset)
}
