//! Cuts: how the bytes of an upstream may arrive.

use proptest::prelude::*;

/// How a body arrives.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    /// Lengths, from the first on, again and again; the whole body at once if there are none.
    lengths: Vec<usize>,
    /// Lines of a stream end in CR LF.
    crlf: bool,
}

pub(super) fn chunks() -> impl Strategy<Value = Chunks> {
    let lengths = prop_oneof![
        2 => prop::collection::vec(1usize..40, 1..6),
        1 => Just(vec![1]),
        1 => Just(Vec::new()),
    ];
    (lengths, any::<bool>()).prop_map(|(lengths, crlf)| Chunks { lengths, crlf })
}

impl Chunks {
    /// The bytes of a stream as they arrive.
    pub(super) fn of_stream(&self, stream: &str) -> Vec<Vec<u8>> {
        self.cut(if self.crlf { stream.replace('\n', "\r\n") } else { stream.to_owned() }.as_bytes())
    }

    /// Cuts anywhere: in the middle of a character, of an escape, between CR and LF.
    pub(super) fn cut(&self, body: &[u8]) -> Vec<Vec<u8>> {
        let mut lengths = self.lengths.iter().copied().cycle();
        let (mut rest, mut out) = (body, Vec::new());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(lengths.next().unwrap_or(rest.len()).min(rest.len()));
            out.push(now.to_vec());
            rest = later;
        }
        out
    }
}
