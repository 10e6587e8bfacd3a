//! Sealing what was cut: a part, its rows as they came and its rejects each become an object under the run's key, beside what the database
//! records of them. Nothing is stored here, and whose thread it takes is for those who call it.

use model::{
    contract::JobMode,
    id::RunId,
    run::{LeftEmpty, RejectGroup},
};
use sha2::{Digest, Sha256};

use super::{
    cutting::Cut,
    payload_folder,
    pipeline::Made,
    records::{PartRow, RejectStage},
};
use crate::store::{PayloadError, PayloadKey, SealedObject};

/// A cut, sealed: its objects, and what the database records of it.
#[derive(Default)]
pub(super) struct SealedCut {
    pub(super) number: u32,
    pub(super) objects: Vec<SealedObject>,
    pub(super) part: Option<PartRow>,
    pub(super) rejected: Option<u64>,
    pub(super) groups: Vec<RejectGroup>,
    /// Values left empty since the last cut.
    pub(super) left_empty: Vec<LeftEmpty>,
    /// The source's header, with the first cut.
    pub(super) header: Option<Vec<String>>,
}

impl Made {
    /// Hashes and seals it. Costs processor time in proportion to its size.
    pub(super) fn seal(self, run_id: &RunId, key: &PayloadKey, job_mode: JobMode) -> Result<SealedCut, PayloadError> {
        match self {
            Self::Cut { cut, left_empty, header } => {
                let sealed = seal_cut(*cut, run_id, key, job_mode)?;
                Ok(SealedCut { left_empty, header, ..sealed })
            }
            Self::Object(object) => Ok(SealedCut { objects: vec![object], ..SealedCut::default() }),
            Self::Pause => Ok(SealedCut::default()),
        }
    }
}

/// Hashes and seals what was cut.
pub(super) fn seal_cut(
    cut: Cut,
    run_id: &RunId,
    key: &PayloadKey,
    job_mode: JobMode,
) -> Result<SealedCut, PayloadError> {
    let folder = payload_folder(run_id);
    let mut objects = Vec::new();
    let mut seal = |path: String, bytes: Vec<u8>| {
        objects.push(SealedObject::seal(key, path, bytes)?);
        Ok::<(), PayloadError>(())
    };
    let part = match cut.part {
        None => None,
        Some(part) => {
            let row = PartRow {
                number: part.number,
                job_mode,
                job_number: part.number,
                acknowledged: false,
                rows: part.rows,
                bytes: u64::try_from(part.csv.len()).unwrap_or(u64::MAX),
                sha256: hex::encode(Sha256::digest(&part.csv)),
            };
            seal(super::part_path(&folder, part.number), part.csv)?;
            seal(super::source_path(&folder, part.number), part.source)?;
            Some(row)
        }
    };
    let rejected = match cut.rejects {
        None => None,
        Some((rows, bytes)) => {
            seal(super::reject_path(&folder, RejectStage::Read.ordinal(), cut.number), bytes)?;
            Some(rows)
        }
    };
    Ok(SealedCut {
        number: cut.number,
        objects,
        part,
        rejected,
        groups: cut.groups,
        left_empty: Vec::new(),
        header: None,
    })
}
