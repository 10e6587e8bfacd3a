//! What stands in the blocks: little-endian numbers, and lengths before what varies. Each kind is read as it is written.

/// Something that can be written into a block and read back.
pub(in crate::exchange) trait Record: Sized {
    /// Appends it.
    fn write(&self, block: &mut Vec<u8>);
    /// Takes it off the front; none when the block is not whole.
    fn read(block: &mut &[u8]) -> Option<Self>;
    /// By what blocks are sorted.
    fn identity(&self) -> u128;
}

/// A row that was read and is fit to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Candidate {
    pub(super) identity: u128,
    pub(super) fingerprint: u64,
    /// Which of the fit rows, from 0.
    pub(super) ordinal: u64,
    /// Its identifiers; empty when nobody will want them.
    pub(super) identifiers: Box<[u8]>,
}

/// Somebody who was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Member {
    pub(super) identity: u128,
    pub(super) fingerprint: u64,
    pub(super) identifiers: Box<[u8]>,
}

/// What is to become of somebody in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Note {
    pub(super) identity: u128,
    pub(in crate::exchange) intent: Intent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) enum Intent {
    /// Stays as it is.
    Keep { fingerprint: u64, identifiers: Box<[u8]> },
    /// Is sent for the first time.
    Add { ordinal: u64, fingerprint: u64, identifiers: Box<[u8]> },
    /// Is sent with other values; `old` is what was known.
    Change { ordinal: u64, fingerprint: u64, identifiers: Box<[u8]>, old: (u64, Box<[u8]>) },
    /// Is to be removed.
    Remove { fingerprint: u64, identifiers: Box<[u8]> },
}

fn take<'a>(block: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = block.split_at_checked(length)?;
    *block = rest;
    Some(taken)
}

fn take_u64(block: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(block, 8)?.try_into().ok()?))
}

fn take_u128(block: &mut &[u8]) -> Option<u128> {
    Some(u128::from_le_bytes(take(block, 16)?.try_into().ok()?))
}

fn take_bytes(block: &mut &[u8]) -> Option<Box<[u8]>> {
    let length = u32::from_le_bytes(take(block, 4)?.try_into().ok()?);
    Some(take(block, usize::try_from(length).ok()?)?.into())
}

fn put_bytes(block: &mut Vec<u8>, bytes: &[u8]) {
    block.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    block.extend_from_slice(bytes);
}

impl Record for Candidate {
    fn write(&self, block: &mut Vec<u8>) {
        block.extend_from_slice(&self.identity.to_le_bytes());
        block.extend_from_slice(&self.fingerprint.to_le_bytes());
        block.extend_from_slice(&self.ordinal.to_le_bytes());
        put_bytes(block, &self.identifiers);
    }

    fn read(block: &mut &[u8]) -> Option<Self> {
        Some(Self {
            identity: take_u128(block)?,
            fingerprint: take_u64(block)?,
            ordinal: take_u64(block)?,
            identifiers: take_bytes(block)?,
        })
    }

    fn identity(&self) -> u128 {
        self.identity
    }
}

impl Record for Member {
    fn write(&self, block: &mut Vec<u8>) {
        block.extend_from_slice(&self.identity.to_le_bytes());
        block.extend_from_slice(&self.fingerprint.to_le_bytes());
        put_bytes(block, &self.identifiers);
    }

    fn read(block: &mut &[u8]) -> Option<Self> {
        Some(Self { identity: take_u128(block)?, fingerprint: take_u64(block)?, identifiers: take_bytes(block)? })
    }

    fn identity(&self) -> u128 {
        self.identity
    }
}

impl Record for Note {
    fn write(&self, block: &mut Vec<u8>) {
        block.extend_from_slice(&self.identity.to_le_bytes());
        let mut head = |kind: u8, fingerprint: u64, identifiers: &[u8]| {
            block.push(kind);
            block.extend_from_slice(&fingerprint.to_le_bytes());
            put_bytes(block, identifiers);
        };
        match &self.intent {
            Intent::Keep { fingerprint, identifiers } => head(0, *fingerprint, identifiers),
            Intent::Remove { fingerprint, identifiers } => head(1, *fingerprint, identifiers),
            Intent::Add { ordinal, fingerprint, identifiers } => {
                head(2, *fingerprint, identifiers);
                block.extend_from_slice(&ordinal.to_le_bytes());
            }
            Intent::Change { ordinal, fingerprint, identifiers, old } => {
                head(3, *fingerprint, identifiers);
                block.extend_from_slice(&ordinal.to_le_bytes());
                block.extend_from_slice(&old.0.to_le_bytes());
                put_bytes(block, &old.1);
            }
        }
    }

    fn read(block: &mut &[u8]) -> Option<Self> {
        let identity = take_u128(block)?;
        let kind = *take(block, 1)?.first()?;
        let (fingerprint, identifiers) = (take_u64(block)?, take_bytes(block)?);
        let intent = match kind {
            0 => Intent::Keep { fingerprint, identifiers },
            1 => Intent::Remove { fingerprint, identifiers },
            2 => Intent::Add { ordinal: take_u64(block)?, fingerprint, identifiers },
            3 => {
                let ordinal = take_u64(block)?;
                let old = (take_u64(block)?, take_bytes(block)?);
                Intent::Change { ordinal, fingerprint, identifiers, old }
            }
            _ => return None,
        };
        Some(Self { identity, intent })
    }

    fn identity(&self) -> u128 {
        self.identity
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Box<[u8]>> {
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Into::into)
    }

    proptest! {
        #[test]
        fn a_note_is_read_as_it_was_written_and_not_when_it_is_cut(
            identity in any::<u128>(), kind in 0..4, numbers in any::<[u64; 3]>(), identifiers in bytes(), before in bytes(),
        ) {
            let [fingerprint, ordinal, old] = numbers;
            let intent = match kind {
                0 => Intent::Keep { fingerprint, identifiers },
                1 => Intent::Remove { fingerprint, identifiers },
                2 => Intent::Add { ordinal, fingerprint, identifiers },
                _ => Intent::Change { ordinal, fingerprint, identifiers, old: (old, before) },
            };
            let note = Note { identity, intent };
            let mut block = Vec::new();
            note.write(&mut block);
            let mut rest = block.as_slice();
            prop_assert_eq!(Note::read(&mut rest), Some(note));
            prop_assert!(rest.is_empty());
            prop_assert_eq!(Note::read(&mut &block[..block.len() - 1]), None);
        }
    }
}
