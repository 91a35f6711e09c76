//! Undoes gzip and deflate of an upstream that compresses although it was asked not to.

use std::io::Write;

use bytes::Bytes;
use flate2::write::{GzDecoder, ZlibDecoder};
use http::HeaderValue;

/// A decoder that is fed chunk by chunk.
#[derive(Debug)]
pub(crate) struct Inflate {
    decoder: Decoder,
    total: usize,
}

#[derive(Debug)]
enum Decoder {
    Deflate(ZlibDecoder<Vec<u8>>),
    Gzip(GzDecoder<Vec<u8>>),
}

/// The encoding is not supported, the data is damaged, or it unpacks to more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the compressed body cannot be read")]
pub(crate) struct Unreadable;

impl Inflate {
    /// A decoder for this `content-encoding`.
    pub(crate) fn new(encoding: &HeaderValue) -> Result<Self, Unreadable> {
        let decoder = match encoding.to_str().unwrap_or("").trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Decoder::Gzip(GzDecoder::new(Vec::new())),
            "deflate" => Decoder::Deflate(ZlibDecoder::new(Vec::new())),
            _ => return Err(Unreadable),
        };
        Ok(Self { decoder, total: 0 })
    }

    /// Unpacks `chunk`; all chunks together may become `limit` bytes.
    pub(crate) fn push(&mut self, chunk: &[u8], limit: usize) -> Result<Bytes, Unreadable> {
        let mut out = Vec::new();
        // In small bites, so that a bomb is noticed before it has gone off.
        for bite in chunk.chunks(1 << 10) {
            let unpacked = match &mut self.decoder {
                Decoder::Deflate(d) => d.write_all(bite).and_then(|()| d.flush()).map(|()| std::mem::take(d.get_mut())),
                Decoder::Gzip(d) => d.write_all(bite).and_then(|()| d.flush()).map(|()| std::mem::take(d.get_mut())),
            };
            let unpacked = unpacked.map_err(|_| Unreadable)?;
            self.total += unpacked.len();
            if self.total > limit {
                return Err(Unreadable);
            }
            out.extend_from_slice(&unpacked);
        }
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn any_cut_unpacks_to_the_same() {
        let packed = gzip(b"data: one\n\ndata: two\n\n");
        for size in 1..packed.len() {
            let mut inflate = Inflate::new(&HeaderValue::from_static("gzip")).unwrap();
            let plain: Vec<u8> = packed.chunks(size).flat_map(|c| inflate.push(c, 1 << 20).unwrap()).collect();
            assert_eq!(plain, b"data: one\n\ndata: two\n\n");
        }
    }

    #[test]
    fn bombs_and_rubbish_are_errors() {
        let bomb = gzip(&vec![0; 16 << 20]);
        assert_eq!(Inflate::new(&HeaderValue::from_static("gzip")).unwrap().push(&bomb, 1 << 20), Err(Unreadable));
        assert_eq!(
            Inflate::new(&HeaderValue::from_static("gzip")).unwrap().push(b"not gzip at all", 1 << 20),
            Err(Unreadable)
        );
        assert!(Inflate::new(&HeaderValue::from_static("br")).is_err());
    }
}
