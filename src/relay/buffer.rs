//! Buffers that are borrowed only while bytes are in them, so that ten thousand idle tunnels hold none.

use std::cell::RefCell;

/// One read of a stream at most. What TLS puts in one record.
pub const SIZE: usize = 16 * 1024;

/// Spare buffers a thread keeps: 1 MiB, enough for the flows that move at any one moment.
const SPARE: usize = 64;

thread_local! {
    static SPARES: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes read and not yet written. Empty, it holds no memory.
#[derive(Debug, Default)]
pub struct Buffer {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// A buffer that begins with bytes read by somebody else.
    pub fn with(prefix: &[u8]) -> Buffer {
        Buffer { room: prefix.into(), start: 0, end: prefix.len() }
    }

    /// The bytes in it.
    pub fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Room to read into behind the bytes in it, up to `most` bytes altogether.
    pub fn room(&mut self, most: usize) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.room.len() < SIZE {
                self.room = borrow();
            }
        }
        if self.end == self.room.len() && self.len() < most {
            let mut larger = vec![0; most].into_boxed_slice();
            larger[..self.end - self.start].copy_from_slice(&self.room[self.start..self.end]);
            self.end -= self.start;
            self.start = 0;
            give_back(std::mem::replace(&mut self.room, larger));
        }
        let end = self.room.len().min(self.start + most).max(self.end);
        &mut self.room[self.end..end]
    }

    /// So many bytes were read into its room.
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// So many bytes went on.
    pub fn advance(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Gives the memory back if nothing is in it.
    pub fn release(&mut self) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            give_back(std::mem::take(&mut self.room));
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.room));
    }
}

fn borrow() -> Box<[u8]> {
    let spare = SPARES.try_with(|spares| spares.borrow_mut().pop());
    spare.ok().flatten().unwrap_or_else(|| vec![0; SIZE].into_boxed_slice())
}

fn give_back(room: Box<[u8]>) {
    if room.len() != SIZE {
        return;
    }
    // A thread that is ending has no spares left; then the memory simply goes.
    let _ = SPARES.try_with(|spares| {
        let mut spares = spares.borrow_mut();
        if spares.len() < SPARE {
            spares.push(room);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_while_it_grows() {
        let mut buffer = Buffer::with(b"hello ");
        buffer.advance(2);
        let mut expected = b"llo ".to_vec();
        for (number, most) in [(1u8, 4096), (2, SIZE), (3, SIZE + 1024)] {
            while buffer.len() < most {
                let room = buffer.room(most);
                let part = room.len().min(1000);
                room[..part].fill(number);
                buffer.filled(part);
                expected.extend(std::iter::repeat_n(number, part));
            }
            assert_eq!(buffer.len(), most);
            assert_eq!(buffer.bytes(), expected);
            assert!(buffer.room(most).is_empty());
        }
    }

    #[test]
    fn empty_it_holds_no_memory() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.room(SIZE).len(), SIZE);
        buffer.filled(10);
        buffer.release();
        assert_eq!(buffer.len(), 10);
        buffer.advance(10);
        buffer.release();
        assert_eq!(buffer.room.len(), 0);
    }
}
