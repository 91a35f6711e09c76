//! Finds what ends a plain run of a JSON string (a quote, a backslash, a control character), sixteen bytes at a time.
//! Prompts have an escape every thirty bytes or so, too near for a search that takes long to start.

/// Bytes that are looked at together.
pub(super) const CHUNK: usize = 16;

/// One bit for each byte of the chunk, the lowest for the first: is it a quote, a backslash or a control character?
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline]
pub(super) fn marks(chunk: &[u8; CHUNK]) -> u64 {
    use wide::u8x16;

    let text = u8x16::new(*chunk);
    let is = |byte: u8| text.simd_eq(u8x16::splat(byte));
    let control = text.min(u8x16::splat(0x1f)).simd_eq(text);
    u64::from((is(b'"') | is(b'\\') | control).to_bitmask())
}

/// The same in two plain words.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
pub(super) fn marks(chunk: &[u8; CHUNK]) -> u64 {
    in_words(chunk)
}

#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn in_words(chunk: &[u8; CHUNK]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The high bit of each byte that is zero, and nothing else: no carry goes from one byte to the next.
    let zero = |word: u64| !(((word & LOW) + LOW) | word | LOW);
    let (words, _) = chunk.as_chunks::<8>();
    words.iter().rev().fold(0, |marks, word| {
        let word = u64::from_le_bytes(*word);
        let found =
            zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | zero(word & (ONES * 0xe0));
        // The eight high bits come together in the highest byte.
        marks << 8 | (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// As many as there are bits.
pub(super) const BLOCK: usize = 64;

/// The marks of a block.
#[inline]
pub(super) fn marks_of_block(block: &[u8; BLOCK]) -> u64 {
    let (chunks, _) = block.as_chunks::<CHUNK>();
    chunks.iter().rev().fold(0, |all, chunk| all << CHUNK | marks(chunk))
}

/// How many bytes come before the next mark.
pub(super) fn plain(rest: &[u8]) -> usize {
    let (chunks, tail) = rest.as_chunks::<CHUNK>();
    for (at, chunk) in chunks.iter().enumerate() {
        let marks = marks(chunk);
        if marks != 0 {
            return at * CHUNK + marks.trailing_zeros() as usize;
        }
    }
    let stop = tail.iter().position(|b| is_mark(*b));
    chunks.len() * CHUNK + stop.unwrap_or(tail.len())
}

/// Is it a quote, a backslash or a control character?
pub(super) const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_told_alike() {
        for byte in 0..=u8::MAX {
            for at in 0..CHUNK {
                for around in [b'x', byte, 0x80, 0xff, b'!', b'['] {
                    let mut chunk = [around; CHUNK];
                    chunk[at] = byte;
                    let want = chunk.iter().rev().fold(0, |bits, b| bits << 1 | u64::from(is_mark(*b)));
                    assert_eq!((marks(&chunk), in_words(&chunk)), (want, want), "{byte:#x} at {at} in {around:#x}");
                }
            }
        }
    }

    #[test]
    fn a_block_is_four_chunks() {
        let mut block = [b'x'; BLOCK];
        for at in [0, 15, 16, 40, 63] {
            block[at] = b'"';
        }
        assert_eq!(marks_of_block(&block), 1 | 1 << 15 | 1 << 16 | 1 << 40 | 1 << 63);
    }

    #[test]
    fn a_run_ends_at_the_first_mark() {
        for length in 0..70 {
            let text = [vec![b'x'; length], b"\"\n".to_vec()].concat();
            assert_eq!(plain(&text), length);
            assert_eq!(plain(&text[..length]), length);
        }
    }
}
