//! The programs that are measured, and what the system says they used.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::client;
use crate::scenario::{Scenario, Wire};
use crate::tls::Identity;

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// From its start to its first answer; of nginx, to the first connection it took.
    pub(crate) ready: Duration,
    child: Child,
    folder: PathBuf,
    /// Hands bytes on, and nothing else.
    pub(crate) relays_only: bool,
    /// Its clients come in TLS.
    pub(crate) tls: Option<Rc<Identity>>,
}

/// Where the upstream listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstream {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) http2: SocketAddr,
}

/// Where the measured programs run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Pinning {
    pub(crate) cores: String,
    pub(crate) realtime: bool,
}

impl Gateway {
    /// Ours, as users run it: a token, a record of each request in the log. `more` is added to its configuration.
    pub(crate) fn apex(
        name: &str,
        binary: &Path,
        upstream: Upstream,
        more: &str,
        threads: u32,
        tls: Option<Rc<Identity>>,
        pin: &Pinning,
    ) -> io::Result<Self> {
        let folder = folder(name)?;
        let provider = |name: &str, origin: &str, dialect: &str| {
            format!(
                "[providers.{name}]\nbase_url = \"{origin}/v1\"\ndialects = [\"{dialect}\"]\napi_key = \"sk-bench\"\n"
            )
        };
        let plain = format!("http://{}", upstream.plain);
        let mut providers = provider("chat", &plain, "openai-chat") + &provider("messages", &plain, "anthropic");
        if let Some(identity) = &tls {
            identity.write(&folder)?;
            for (name, address) in [("chat-tls", upstream.tls), ("chat-h2", upstream.http2)] {
                providers += &provider(name, &format!("https://localhost:{}", address.port()), "openai-chat");
            }
            providers += "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n[upstream]\nroot_ca = \"cert.pem\"\nhosts = { localhost = [\"127.0.0.1\"] }\n";
        }
        let config = folder.join("apex.toml");
        fs::write(
            &config,
            format!(
                "gateway_token = \"{}\"\ndata_dir = \"data\"\n{providers}[aliases]\nquick = \"{}\"\n{more}",
                client::TOKEN,
                client::alias()
            ),
        )?;
        let address = free_port()?;
        let mut command = pinned(binary, pin);
        command.arg("--config").arg(&config).args(["--listen", &address.to_string(), "--log-format", "json"]);
        command.args(["--threads", &threads.to_string()]).current_dir(&folder);
        Self::start(name, address, command, folder, tls, false)
    }

    /// One worker, connections kept, nothing buffered, no log: the floor.
    pub(crate) fn nginx(
        binary: &Path,
        upstream: Upstream,
        tls: Option<Rc<Identity>>,
        pin: &Pinning,
    ) -> io::Result<Self> {
        let name = if tls.is_some() { "nginx-tls" } else { "nginx" };
        let folder = folder(name)?;
        let config = folder.join("nginx.conf");
        let (at, address) = (folder.display(), free_port()?);
        let (origin, scheme, ssl, certificate) = if let Some(identity) = &tls {
            identity.write(&folder)?;
            (upstream.tls, "https", " ssl", format!("ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;"))
        } else {
            (upstream.plain, "http", "", String::new())
        };
        fs::write(
            &config,
            format!(
                "daemon off; master_process off; worker_processes 1; pid {at}/pid; error_log stderr error;\n\
                 events {{ worker_connections 8192; multi_accept on; }}\n\
                 http {{ access_log off; keepalive_requests 100000000; client_max_body_size 64m; client_body_buffer_size 1m;\n\
                 client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
                 {certificate} upstream up {{ server {origin}; keepalive 2048; keepalive_requests 100000000; }}\n\
                 server {{ listen {address}{ssl} backlog=4096; location / {{ proxy_pass {scheme}://up; proxy_http_version 1.1;\n\
                 proxy_set_header Connection \"\"; proxy_buffering off; proxy_read_timeout 600s; }} }} }}\n"
            ),
        )?;
        let mut command = pinned(binary, pin);
        command.arg("-p").arg(&folder).arg("-c").arg(&config);
        Self::start(name, address, command, folder, tls, true)
    }

    fn start(
        name: &str,
        address: SocketAddr,
        mut command: Command,
        folder: PathBuf,
        tls: Option<Rc<Identity>>,
        relays_only: bool,
    ) -> io::Result<Self> {
        let log = fs::File::create(folder.join("log"))?;
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut gateway =
            Self { name: name.to_owned(), address, ready: Duration::ZERO, child, folder, relays_only, tls };
        while !gateway.answers() {
            if begun.elapsed() > Duration::from_secs(10) || gateway.child.try_wait()?.is_some() {
                let log = fs::read_to_string(gateway.folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("{name} did not start: {log}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        gateway.ready = begun.elapsed();
        Ok(gateway)
    }

    /// Is `scenario` one for it?
    pub(crate) fn serves(&self, scenario: &Scenario) -> bool {
        self.tls.is_some() == (scenario.wire != Wire::Plain) && (!self.relays_only || scenario.is_relay())
    }

    /// Is it ready? What only relays would ask our upstream, which cannot answer before we go on.
    fn answers(&self) -> bool {
        const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let ask = |mut socket: TcpStream| {
            socket.set_read_timeout(Some(Duration::from_secs(1)))?;
            if let Some(identity) = &self.tls {
                return identity.ask(socket, ASK);
            }
            socket.write_all(ASK)?;
            socket.read_exact(&mut [0; 12])
        };
        let connected = TcpStream::connect(self.address);
        if self.relays_only { connected.is_ok() } else { connected.and_then(ask).is_ok() }
    }

    /// CPU time so far, user and system, of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let nanos = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|text| text.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Asked first: a build that counts for the compiler writes its counts at its end.
        let asked = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let limit = Instant::now() + LAST;
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success)
            && Instant::now() < limit
            && matches!(self.child.try_wait(), Ok(None))
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// For a gateway to end by itself.
const LAST: Duration = Duration::from_secs(10);

fn folder(name: &str) -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("apex-bench-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Nobody listens there a moment before.
fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// On cores of its own, if the system has a program for that.
fn pinned(binary: &Path, pin: &Pinning) -> Command {
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    let mut words: Vec<&str> = Vec::new();
    if !pin.cores.is_empty() && has("taskset") {
        words.extend(["taskset", "-c", &pin.cores]);
    }
    if pin.realtime && has("chrt") {
        words.extend(["chrt", "-r", "1"]);
    }
    let Some((first, rest)) = words.split_first() else { return Command::new(binary) };
    let mut command = Command::new(first);
    command.args(rest).arg(binary);
    command
}
