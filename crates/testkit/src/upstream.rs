//! The listener, what it records, and which script answers.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::script::Script;
use crate::wire::{Connection, Framing, Played, ReadFailure, Reading, Request};
use crate::{behaviour, control};

/// An upstream on loopback, one thread per connection. Dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// One request, exactly as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Counts from 0 over the life of the upstream; `clear` does not reset it.
    pub id: u64,
    pub method: String,
    /// Path and query as received.
    pub target: String,
    pub version: String,
    /// In wire order, with case and duplicates; only the white space around the value is gone.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Request line and headers with their line ends, byte for byte.
    pub head: Vec<u8>,
    /// Without chunk framing, otherwise byte for byte.
    pub body: Vec<u8>,
    /// More than `body.len()` after `keep_of_bodies`.
    pub body_len: u64,
    pub framing: Framing,
    pub connection: u64,
    /// 0 for the first request of its connection.
    pub request_on_connection: u64,
    /// When the request was whole.
    pub at: Instant,
    pub outcome: Outcome,
}

/// How the answer ended, as far as the upstream can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The body never became whole: the peer left while sending it.
    Incomplete,
    /// The answer is on its way.
    Pending,
    /// The script was played to its end (which may be a cut or a reset).
    Answered { bytes_sent: usize },
    /// The peer left before the end of the script, so long after its request was whole.
    ClientGone { after: Duration, bytes_sent: usize },
    /// The upstream was dropped before the end of the script.
    Stopped,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stop: AtomicBool,
    gates: AtomicUsize,
    reading: Reading,
}

#[derive(Default)]
struct State {
    recorded: Vec<Recorded>,
    next_id: u64,
    connections: u64,
    open: u64,
    queue: VecDeque<Script>,
    rules: Vec<(Matcher, Script)>,
    head_rules: Vec<(Matcher, Script)>,
    held: usize,
}

type Matcher = Box<dyn Fn(&Recorded) -> bool + Send>;

impl Upstream {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port can be had; this is test code.
    pub fn start() -> Self {
        #[expect(clippy::expect_used, reason = "a test without its upstream cannot go on")]
        Self::start_on(0).expect("a loopback port")
    }

    pub fn start_on(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = thread::Builder::new().name("upstream".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Self { addr, shared, accepting: Some(accepting) })
    }

    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Everything recorded since the last `take` or `clear`.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().recorded.clone()
    }

    pub fn take(&self) -> Vec<Recorded> {
        let mut state = self.shared.lock();
        state.held = 0;
        std::mem::take(&mut state.recorded)
    }

    /// Forgets recorded requests, and gates that may open; scripts stay.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Waits until so many requests were received, answered or not.
    ///
    /// # Panics
    /// When they do not come in time.
    pub fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Recorded> {
        self.wait_until(timeout, |recorded| recorded.len() >= n)
    }

    /// Waits until so many requests are over: answered, or given up by their client.
    ///
    /// # Panics
    /// When they are not in time.
    pub fn wait_for_outcomes(&self, n: usize, timeout: Duration) -> Vec<Recorded> {
        self.wait_until(timeout, |recorded| {
            recorded.iter().filter(|request| request.outcome != Outcome::Pending).count() >= n
        })
    }

    /// # Panics
    /// When the condition does not hold in time; the message lists what was recorded.
    #[expect(clippy::panic, reason = "a test whose condition never holds must fail with what was seen")]
    pub fn wait_until(&self, timeout: Duration, done: impl Fn(&[Recorded]) -> bool) -> Vec<Recorded> {
        let guard = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(guard, timeout, |state| !done(&state.recorded));
        let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() && !done(&state.recorded) {
            let seen: Vec<String> = state.recorded.iter().map(Recorded::summary).collect();
            drop(state);
            panic!("not within {timeout:?}; the upstream saw {seen:?}");
        }
        state.recorded.clone()
    }

    /// Answers the next request that no rule matches. Queued answers are used in order, each once.
    pub fn next(&self, script: Script) {
        self.shared.lock().queue.push_back(script);
    }

    /// Answers every request that matches; an earlier rule wins over a later one, a rule over the queue.
    pub fn on(&self, matcher: impl Fn(&Recorded) -> bool + Send + 'static, script: Script) {
        self.shared.lock().rules.push((Box::new(matcher), script));
    }

    /// Answers before the body is read, as a provider does that refuses by the headers alone; then closes. The request
    /// is recorded without its body.
    pub fn on_head(&self, matcher: impl Fn(&Recorded) -> bool + Send + 'static, script: Script) {
        self.shared.lock().head_rules.push((Box::new(matcher), script));
    }

    /// Answers every request whose path (without query) ends so.
    pub fn on_path(&self, ending: &str, script: Script) {
        let ending = ending.to_owned();
        self.on(move |request| request.path().ends_with(&ending), script);
    }

    /// Answers every request for this model.
    pub fn on_model(&self, model: &str, script: Script) {
        let model = model.to_owned();
        self.on(move |request| behaviour::model_of(request).is_some_and(|have| have == model), script);
    }

    /// Forgets rules and queue: behaviour follows the model name again.
    pub fn forget_scripts(&self) {
        let mut state = self.shared.lock();
        state.rules.clear();
        state.head_rules.clear();
        state.queue.clear();
    }

    /// Lets one answer go on that waits at a [`crate::Step::Gate`], or the next one that comes to a gate.
    pub fn let_one_pass(&self) {
        self.shared.let_one_pass();
    }

    /// Stops reading request bodies, or goes on: whoever sends must wait.
    pub fn pause_reading(&self, paused: bool) {
        self.shared.reading.paused.store(paused, Ordering::Relaxed);
    }

    /// Keeps only so many bytes of each body, for uploads larger than memory.
    pub fn keep_of_bodies(&self, bytes: usize) {
        self.shared.reading.keep.store(bytes, Ordering::Relaxed);
    }

    /// Connections accepted since the start.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Connections open now.
    pub fn open_connections(&self) -> u64 {
        self.shared.lock().open
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the accept call.
        let _ = TcpStream::connect(self.addr);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Recorded {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, `null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What the path and the model's name make of this request, explicit scripts aside: the same request gets the same
    /// bytes, so a test of a relay can compare them.
    pub fn answer(&self) -> Script {
        behaviour::answer(self)
    }

    fn summary(&self) -> String {
        format!("{} {} ({} bytes, {:?})", self.method, self.target, self.body.len(), self.outcome)
    }

    fn new(request: &Request, connection: u64, request_on_connection: u64) -> Self {
        Self {
            id: 0,
            method: request.method.clone(),
            target: request.target.clone(),
            version: request.version.clone(),
            headers: request.headers.clone(),
            head: request.head.clone(),
            body: request.body.clone(),
            body_len: request.body_len,
            framing: request.framing.clone(),
            connection,
            request_on_connection,
            at: request.at,
            outcome: if request.complete { Outcome::Pending } else { Outcome::Incomplete },
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        self.lock().recorded.clone()
    }

    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.held = 0;
        state.recorded.clear();
        self.gates.store(0, Ordering::Relaxed);
    }

    pub(crate) fn let_one_pass(&self) {
        self.gates.fetch_add(1, Ordering::Relaxed);
    }

    fn early(&self, head: &Recorded) -> Option<Script> {
        let state = self.lock();
        state.head_rules.iter().find(|(matches, _)| matches(head)).map(|(_, script)| script.clone())
    }

    /// Records a request and picks its answer, if a script is meant for it.
    fn record(&self, mut recorded: Recorded, scripted: bool) -> (Recorded, Option<Script>) {
        let mut state = self.lock();
        recorded.id = state.next_id;
        state.next_id += 1;
        state.held += recorded.body.len();
        while state.recorded.len() >= KEPT || (state.held > KEPT_BYTES && !state.recorded.is_empty()) {
            let oldest = state.recorded.remove(0);
            state.held -= oldest.body.len();
        }
        state.recorded.push(recorded.clone());
        let script = if recorded.outcome == Outcome::Incomplete || !scripted {
            None
        } else {
            let rule = state.rules.iter().find(|(matches, _)| matches(&recorded)).map(|(_, script)| script.clone());
            rule.or_else(|| state.queue.pop_front())
        };
        drop(state);
        self.changed.notify_all();
        (recorded, script)
    }

    fn finish(&self, id: u64, outcome: Outcome) {
        let mut state = self.lock();
        if let Some(recorded) = state.recorded.iter_mut().find(|recorded| recorded.id == id) {
            recorded.outcome = outcome;
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("recorded", &self.recorded.len())
            .field("connections", &self.connections)
            .field("queue", &self.queue.len())
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

/// An upstream that runs for hours must not keep every request it saw.
const KEPT: usize = 10_000;
const KEPT_BYTES: usize = 1 << 30;

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let connection = {
            let mut state = shared.lock();
            state.connections += 1;
            state.open += 1;
            state.connections - 1
        };
        let own = Arc::clone(shared);
        let served = thread::Builder::new().name(format!("upstream-{connection}")).spawn(move || {
            serve(stream, connection, &own);
            own.lock().open -= 1;
            own.changed.notify_all();
        });
        if served.is_err() {
            shared.lock().open -= 1;
        }
    }
}

fn serve(stream: TcpStream, connection: u64, shared: &Shared) {
    let Ok(mut peer) = Connection::new(stream, &shared.stop, &shared.gates) else { return };
    let mut count = 0;
    loop {
        let mut request = match peer.read_head() {
            Ok(request) => request,
            Err(ReadFailure::Over) => return,
            Err(ReadFailure::Malformed(why)) => return peer.refuse(why),
        };
        let early = shared.early(&Recorded::new(&request, connection, count));
        if early.is_none() {
            match peer.read_body(&mut request, &shared.reading) {
                Ok(()) => {}
                Err(ReadFailure::Over) => return,
                Err(ReadFailure::Malformed(why)) => return peer.refuse(why),
            }
        }
        let played = match control::answer(&request, shared) {
            Some(script) => peer.play(&script.steps, &request),
            None => answer(&mut peer, &request, early.as_ref(), shared, (connection, count)),
        };
        count += 1;
        if early.is_some() {
            peer.close();
            return;
        }
        if played != Played::Whole {
            return;
        }
    }
}

/// Records the request, plays its answer, and records how that ended.
fn answer(
    peer: &mut Connection<'_>,
    request: &Request,
    early: Option<&Script>,
    shared: &Shared,
    (connection, count): (u64, u64),
) -> Played {
    let (recorded, script) = shared.record(Recorded::new(request, connection, count), early.is_none());
    if recorded.outcome == Outcome::Incomplete {
        return Played::Gone;
    }
    let script = early.cloned().or(script).unwrap_or_else(|| behaviour::answer(&recorded));
    let played = peer.play(&script.steps, request);
    let bytes_sent = peer.bytes_sent;
    let outcome = match played {
        Played::Whole | Played::Closed => Outcome::Answered { bytes_sent },
        Played::Gone => Outcome::ClientGone { after: recorded.at.elapsed(), bytes_sent },
        Played::Stopped => Outcome::Stopped,
    };
    shared.finish(recorded.id, outcome);
    played
}
