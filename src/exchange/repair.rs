//! Sending repaired rejects again: a person uploads the rows that a run left out, mended, and a child run carries only those.
//!
//! The file is sealed piece by piece as it comes, under the child's own key, before there is a run at all; so nothing of it is ever in memory whole.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, pin_mut};
use model::{
    contract::JobMode,
    error::HubError,
    id::{RunId, ShareId},
    mapping::Plan,
    rows::{RawRow, RowError, RowReader},
    run::{Mode, RunState},
    view::{Actor, DestinationSegment},
};
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{
    key_context, payload_folder,
    plan::{NewRun, RunPlan, enqueue_as},
    requests::is_under_way,
    runs::{corrupt, counts_of, id_of, state_of},
};
use crate::{
    hub::{Hub, Result, internal},
    store::{PayloadError, PayloadKey, SealedObject, StoreError, identity::new_id},
};

/// Bytes of a repaired file at most.
pub const LARGEST_REPAIRED_FILE: u64 = 512 * 1024 * 1024;
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// An upload that has not come to its end by then never will.
const LONGEST_UPLOAD_MS: i64 = 24 * 3600 * 1000;

/// What a child run reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repairs {
    /// The run whose rejects were repaired.
    pub run_id: RunId,
    /// Rows that it left out: no more can have been repaired.
    pub most_rows: u64,
    /// Pieces of the uploaded file.
    pub pieces: u32,
}

/// Where a piece of a repaired file lies.
pub(super) fn repaired_path(folder: &str, piece: u32) -> String {
    format!("{folder}/repaired/{piece}")
}

/// A run that can be repaired.
struct Parent {
    share_id: ShareId,
    mapping_version: u32,
    plan: RunPlan,
    left_out: u64,
}

impl Hub {
    /// Starts a run with the repaired rejects of another. `file` is CSV with the source's columns; those that say why a row was left out may stay.
    ///
    /// Nothing is kept of a file that can't be used.
    pub async fn repair_run<E: std::fmt::Display>(
        &self,
        actor: &Actor,
        run_id: &RunId,
        file: impl Stream<Item = std::result::Result<Bytes, E>>,
    ) -> Result<RunId> {
        self.may_share(actor)?;
        let parent = self.parent(actor, run_id).await?;
        let child: RunId = new_id(RunId::PREFIX);
        let started = self.start_repair(actor, run_id, parent, &child, file).await;
        if started.is_err() {
            self.drop_upload(&child).await;
        }
        started.map(|()| child)
    }

    /// Removes what was uploaded for a run that did not come about. A failure is logged, and the sweeper tries again.
    async fn drop_upload(&self, child: &RunId) {
        let dropped = async {
            self.payloads().remove_below(&payload_folder(child)).await?;
            let sql = "delete from repair_upload where run_id = $1";
            sqlx::query(sql).bind(child.as_str()).execute(self.database().writer()).await.map_err(StoreError::from)?;
            Ok::<_, DropError>(())
        };
        if let Err(error) = dropped.await {
            tracing::warn!(run.id = %child, %error, "a file that was not used could not be removed");
        }
    }

    /// Removes what was uploaded by somebody who went away, or to a process that ended, before there was a run.
    pub(super) async fn sweep_uploads(&self, now: i64) -> std::result::Result<(), StoreError> {
        let left = sqlx::query("select run_id from repair_upload where begun_at < $1")
            .bind(now.saturating_sub(LONGEST_UPLOAD_MS))
            .fetch_all(self.database().reader())
            .await?;
        for row in &left {
            self.drop_upload(&id_of(row, "run_id")?).await;
        }
        Ok(())
    }

    async fn parent(&self, actor: &Actor, run_id: &RunId) -> Result<Parent> {
        let row = sqlx::query("select * from run where account_id = $1 and id = $2")
            .bind(actor.account_id.as_str())
            .bind(run_id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("run"))?;
        let read = || -> std::result::Result<(RunState, Parent, Option<String>), StoreError> {
            let counts = counts_of(&row)?;
            let plan: RunPlan =
                serde_json::from_str(&row.try_get::<String, _>("plan")?).map_err(|_| corrupt("plan"))?;
            let parent = Parent {
                share_id: id_of(&row, "share_id")?,
                mapping_version: u32::try_from(row.try_get::<i64, _>("mapping_version")?)
                    .map_err(|_| corrupt("mapping"))?,
                plan,
                left_out: counts.rejected + counts.refused,
            };
            Ok((state_of(&row)?, parent, row.try_get("segment_id")?))
        };
        let (state, mut parent, made) = read().map_err(internal)?;
        if state != RunState::CompleteWithRejects {
            return Err(HubError::Conflict {
                message: format!(
                    "Rows can be sent again for a run that is complete with rejects; this one is {}.",
                    state.label().to_lowercase()
                ),
            });
        }
        let destination = &mut parent.plan.destination;
        if let (DestinationSegment::New { name }, Some(id)) = (&destination.segment, made) {
            destination.segment = DestinationSegment::Existing { id, name: name.clone() };
        }
        // The others are where they belong: these few join them, or leave with them.
        let mode = match parent.plan.mode {
            Mode::Remove => Mode::Remove,
            Mode::Add | Mode::Replace | Mode::Mirror => Mode::Add,
        };
        if mode == Mode::Add && !destination.delivery.modes.contains(&JobMode::Add) {
            let message = format!("{} can't add to a segment; share the audience again.", destination.endpoint_name);
            return Err(HubError::Conflict { message });
        }
        destination.mode = mode;
        parent.plan.mode = mode;
        Ok(parent)
    }

    async fn start_repair<E: std::fmt::Display>(
        &self,
        actor: &Actor,
        parent_id: &RunId,
        parent: Parent,
        child: &RunId,
        file: impl Stream<Item = std::result::Result<Bytes, E>>,
    ) -> Result<()> {
        let key = PayloadKey::generate();
        let folder = payload_folder(child);
        let mut pieces = 0;
        let mut total: u64 = 0;
        let mut waiting = BytesMut::new();
        pin_mut!(file);
        loop {
            let chunk = file.next().await.transpose().map_err(|error| {
                HubError::invalid("file", format!("The file did not come whole ({error}). Send it again."))
            })?;
            let is_end = chunk.is_none();
            if let Some(chunk) = chunk {
                total += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                if total > LARGEST_REPAIRED_FILE {
                    let most = LARGEST_REPAIRED_FILE / 1024 / 1024;
                    return Err(HubError::invalid(
                        "file",
                        format!("The file has more than {most} MiB. Send it in parts."),
                    ));
                }
                waiting.extend_from_slice(&chunk);
            }
            if waiting.len() < PIECE_BYTES && !is_end {
                continue;
            }
            if pieces == 0 {
                check_header(&waiting, &parent.plan)?;
                // From now on something of it is kept.
                sqlx::query("insert into repair_upload (run_id, begun_at) values ($1, $2)")
                    .bind(child.as_str())
                    .bind(self.now_ms())
                    .execute(self.database().writer())
                    .await
                    .map_err(internal)?;
            }
            if !waiting.is_empty() {
                pieces += 1;
                let object = SealedObject::seal(&key, repaired_path(&folder, pieces), waiting.split().to_vec());
                self.payloads().put(object.map_err(internal)?).await.map_err(not_kept)?;
            }
            if is_end {
                break;
            }
        }
        let repairs = Repairs { run_id: parent_id.clone(), most_rows: parent.left_out, pieces };
        let run = NewRun {
            account_id: actor.account_id.clone(),
            share_id: parent.share_id.clone(),
            mapping_version: parent.mapping_version,
            plan: RunPlan {
                expected_rows: Some(repairs.most_rows),
                repairs: Some(repairs),
                is_pre_flight: false,
                ..parent.plan
            },
            reason: None,
        };
        let mut transaction = self.database().begin().await.map_err(internal)?;
        // As when a share is shared: its row makes two who ask at once come one after the other.
        sqlx::query("update share set updated_at = $1 where id = $2 and account_id = $3")
            .bind(self.now_ms())
            .bind(parent.share_id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if is_under_way(&mut transaction, &actor.account_id, &parent.share_id).await.map_err(internal)? {
            let message = "A run of this share is under way. Send the file when it has ended.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let arrived = sqlx::query("delete from repair_upload where run_id = $1")
            .bind(child.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if arrived.rows_affected() == 0 {
            return Err(HubError::invalid("file", "The file took longer than a day to come. Send it in parts."));
        }
        enqueue_as(&mut transaction, child, self.now_ms(), run).await.map_err(internal)?;
        let wrapped = self.sealing().seal(key.as_bytes(), &key_context(child));
        sqlx::query("update run set payload_key = $2 where id = $1")
            .bind(child.as_str())
            .bind(wrapped)
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        transaction.commit().await.map_err(internal)?;
        self.wake_workers();
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum DropError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// Why a piece was not kept: a full disk is nothing that the person could know, or mend.
fn not_kept(error: PayloadError) -> HubError {
    if !error.is_full() {
        return internal(error);
    }
    tracing::error!(%error, "there is no room left in the payload store");
    let message = "There is no room left where Usher keeps rows. Whoever runs Usher has to make some first; then send the file again.";
    HubError::Conflict { message: message.to_owned() }
}

/// Whether the file can be used at all, by its first piece.
fn check_header(piece: &[u8], plan: &RunPlan) -> Result<()> {
    let mut reader = RowReader::new();
    let mut any = |_: RawRow<'_>| Ok::<(), RowError>(());
    let unreadable = |error: RowError| HubError::invalid("file", format!("The file can't be read: {error}."));
    reader.feed(piece, &mut any).map_err(unreadable)?;
    if reader.header().is_none() {
        // Without a line break at its end a header alone is only known to be one now.
        reader.finish(&mut any).map_err(unreadable)?;
    }
    let header = reader.header().unwrap_or_default();
    if header.is_empty() {
        return Err(HubError::invalid("file", "Choose the CSV file with the repaired rows."));
    }
    match Plan::new(&plan.mapping, header, &plan.destination.fields) {
        Ok(_) => Ok(()),
        Err(findings) => {
            let what: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
            Err(HubError::invalid("file", format!("The file does not have the audience's columns. {}", what.join(" "))))
        }
    }
}
