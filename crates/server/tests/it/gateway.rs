//! A running gateway, and raw conversations with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A directory of its own, gone at the end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("apex-it-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary in `dir`, with nothing in its environment but `env`.
pub(crate) fn command(dir: &Dir, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apex-ai-proxy"));
    command.current_dir(dir.path()).env_clear().envs(env.iter().copied()).args(args).stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn output(dir: &Dir, args: &[&str], env: &[(&str, &str)]) -> Output {
    command(dir, args, env).output().unwrap()
}

/// A gateway that listens.
pub(crate) struct Gateway {
    pub(crate) dir: Dir,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts it with `config` as its `apex.toml`, and waits until it says that it listens.
    pub(crate) fn start(config: &str) -> Self {
        let dir = Dir::new();
        dir.write("apex.toml", config);
        Self::start_in(dir, &["--listen", "127.0.0.1:0"])
    }

    pub(crate) fn start_in(dir: Dir, args: &[&str]) -> Self {
        let command = command(&dir, args, &[]);
        Self::run(dir, command)
    }

    /// The same, with few files allowed.
    pub(crate) fn start_with_files(files: u32) -> Self {
        let dir = Dir::new();
        let mut command = Command::new("/bin/sh");
        let script =
            format!("ulimit -n {files}; exec {} --listen 127.0.0.1:0 --threads 1", env!("CARGO_BIN_EXE_apex-ai-proxy"));
        command.current_dir(dir.path()).env_clear().args(["-c", &script]).stdin(Stdio::null());
        Self::run(dir, command)
    }

    pub(crate) fn run(dir: Dir, mut command: Command) -> Self {
        // Nothing of a test may get into the home of whoever runs it.
        command.env("APEX_DATA_DIR", dir.path().join("data"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let url = loop {
            let Some(line) = lines.next() else { panic!("it does not start: {said}") };
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        let address = url.split_once("://").unwrap().1.parse().unwrap();
        let log = Arc::new(Mutex::new(said));
        let rest = log.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                rest.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { dir, address, url, child, log }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < end, "no `{text}` in the log: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Its exit, if it comes within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    pub(crate) fn connect(&self) -> Raw {
        Raw::new(TcpStream::connect(self.address).unwrap())
    }

    /// One chat completion on a connection of its own: status and everything it said.
    pub(crate) fn chat(&self, model: &str) -> (u16, String) {
        let mut raw = self.connect();
        raw.say(&chat(model, "connection: close\r\n"));
        let text = raw.rest();
        (status(&text), text)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request for a chat completion.
pub(crate) fn chat(model: &str, headers: &str) -> String {
    let stream = model.contains("stream") || model.contains("burst");
    let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub(crate) fn status(text: &str) -> u16 {
    text.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// A connection spoken on byte by byte.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(tcp)
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes());
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        // The other side may close at any time: what it said before counts.
        let _ = self.0.write_all(bytes);
    }

    /// Everything until `ending`.
    pub(crate) fn until(&mut self, ending: &str) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(ending.as_bytes()) {
            match self.0.read(&mut byte) {
                Ok(1) => text.push(byte[0]),
                other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&text)),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// One response, head and body.
    pub(crate) fn response(&mut self) -> String {
        let mut text = self.until("\r\n\r\n");
        if text.contains("transfer-encoding: chunked") {
            return text + &self.until("\r\n0\r\n\r\n");
        }
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        text.push_str(&String::from_utf8_lossy(&body));
        text
    }

    /// One request, head and body.
    pub(crate) fn request(&mut self) -> String {
        let head = self.until("\r\n\r\n");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    /// Everything until the other side closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let mut part = [0; 4096];
        loop {
            match self.0.read(&mut part) {
                Ok(0) => break,
                Ok(n) => all.extend_from_slice(&part[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&all)),
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// An upstream that says what a test wants. Each connection runs `serve` in a thread.
pub(crate) fn upstream(serve: impl Fn(Raw, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (number, tcp) in listener.incoming().flatten().enumerate() {
            let serve = serve.clone();
            thread::spawn(move || serve(Raw::new(tcp), number));
        }
    });
    address
}

/// A configuration with the provider `local` at `address`.
pub(crate) fn local(address: SocketAddr) -> String {
    format!(
        "[providers.local]\ndialects = [\"openai-chat\"]\nbase_url = \"http://{address}/v1\"\napi_key = \"sk-upstream\"\n"
    )
}

/// A whole chat completion.
pub(crate) fn answer() -> String {
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// One event of a streamed one, as an HTTP chunk.
pub(crate) fn event(text: &str) -> String {
    let event = format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    );
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// The last events, and the end of the body.
pub(crate) fn stop() -> String {
    let event = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\
                 \"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    format!("{:x}\r\n{event}\r\n0\r\n\r\n", event.len())
}

pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
