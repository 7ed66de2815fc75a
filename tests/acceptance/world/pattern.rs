//! Bytes that look random, known from a seed: made and checked as they pass, stored nowhere.

use std::io::{self, Write};

use ring::digest::{Context, SHA256};

const BLOCK: usize = 64 << 10;

/// An endless stream of bytes, the same for the same seed.
#[derive(Clone)]
pub struct Pattern {
    block: Vec<u8>,
    at: usize,
    state: u64,
}

impl Pattern {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Pattern {
        // Xorshift has no way out of zero, and small seeds begin alike.
        let state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Pattern { block: vec![0; BLOCK], at: BLOCK, state }
    }

    /// The next bytes, as many as lie ready; never none.
    pub fn ready(&mut self) -> &[u8] {
        if self.at == self.block.len() {
            self.refill();
        }
        &self.block[self.at..]
    }

    /// Steps over bytes that were used.
    pub fn advance(&mut self, bytes: usize) {
        assert!(self.at + bytes <= self.block.len());
        self.at += bytes;
    }

    /// Whether these are the next bytes; steps over them.
    pub fn matches(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let ready = self.ready();
            let n = ready.len().min(bytes.len());
            if ready[..n] != bytes[..n] {
                return false;
            }
            self.advance(n);
            bytes = &bytes[n..];
        }
        true
    }

    /// Writes so many bytes of it.
    pub fn write_to(&mut self, to: &mut impl Write, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let ready = self.ready();
            let n = ready.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            to.write_all(&ready[..n])?;
            self.advance(n);
            bytes -= n as u64;
        }
        to.flush()
    }

    /// SHA-256 of the first so many bytes of a seed's stream.
    pub fn sha256(seed: u64, bytes: u64) -> String {
        struct Hash(Context);
        impl Write for Hash {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut hash = Hash(Context::new(&SHA256));
        Pattern::new(seed).write_to(&mut hash, bytes).unwrap();
        hex(hash.0.finish().as_ref())
    }

    fn refill(&mut self) {
        for word in self.block.chunks_exact_mut(8) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            word.copy_from_slice(&self.state.to_le_bytes());
        }
        self.at = 0;
    }
}

/// Bytes as people compare them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_pattern_matches_itself_in_any_pieces_and_no_other() {
    let mut made = Vec::new();
    Pattern::new(7).write_to(&mut made, 200_001).unwrap();
    let mut check = Pattern::new(7);
    assert!(made.chunks(1_999).all(|piece| check.matches(piece)));
    made[150_000] ^= 1;
    assert!(!Pattern::new(7).matches(&made));
    assert!(!Pattern::new(8).matches(&made[..64]));
}
