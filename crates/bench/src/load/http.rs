//! As much HTTP/1.1 as both ends of a measurement need, on a plain socket: one request at a time, bodies with a length
//! or in chunks. It must cost little beside what is measured.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes from a socket, and how far they were used.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    used: usize,
}

/// A head that was read.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) text: String,
    length: Option<usize>,
}

impl Head {
    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// The path of a request.
    pub(crate) fn path(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }
}

impl Inbox {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    /// Waits for more; an end is an error.
    async fn more(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        if self.used == self.bytes.len() {
            self.bytes.clear();
            self.used = 0;
        }
        self.bytes.reserve(64 << 10);
        if socket.read_buf(&mut self.bytes).await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// The next head.
    pub(crate) async fn head(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Head> {
        let end = loop {
            if let Some(at) = memmem::find(self.rest(), b"\r\n\r\n") {
                break at + 4;
            }
            self.more(socket).await?;
        };
        let text = String::from_utf8_lossy(self.rest().get(..end).unwrap_or_default()).into_owned();
        self.used += end;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        Ok(Head { text, length })
    }

    /// The body of `head`, told piece by piece as it comes.
    pub(crate) async fn body(
        &mut self,
        socket: &mut (impl AsyncRead + Unpin),
        head: &Head,
        mut piece: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        if let Some(length) = head.length {
            return self.exactly(socket, length, &mut piece).await;
        }
        loop {
            let size = self.line(socket).await?;
            if size == 0 {
                return self.exactly(socket, 2, &mut |_| {}).await;
            }
            self.exactly(socket, size, &mut piece).await?;
            self.exactly(socket, 2, &mut |_| {}).await?;
        }
    }

    async fn exactly(
        &mut self,
        socket: &mut (impl AsyncRead + Unpin),
        length: usize,
        piece: &mut impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let here = self.rest();
            let part = here.get(..left.min(here.len())).unwrap_or_default();
            if part.is_empty() {
                self.more(socket).await?;
                continue;
            }
            piece(part);
            left -= part.len();
            self.used += part.len();
        }
        Ok(())
    }

    /// The line that tells the size of a chunk.
    async fn line(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        loop {
            if let Some(at) = memmem::find(self.rest(), b"\r\n") {
                let line = self.rest().get(..at).unwrap_or_default();
                let size = std::str::from_utf8(line).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
                self.used += at + 2;
                return size.ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
            self.more(socket).await?;
        }
    }
}
