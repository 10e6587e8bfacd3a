//! Telling the people of a run apart: leaving out rows that are double, and, for a mirror, those that were sent just so before; removing who
//! left; and afterwards telling the ledger what became of it all.

use model::{
    contract::JobMode,
    field::{Field, FieldKind},
    id::{RunId, ShareId},
    run::{Changes, Duplicates, FailureCode, Mode},
    view::DestinationSegment,
};
use sqlx::AssertSqlSafe;
use tokio::{runtime::Handle, sync::mpsc};

use super::{
    carrier::Carrier,
    cutting::Limits,
    key_context,
    ledger::{
        blocks::{Series, Shelf},
        book::{self, Ledger, Owner, Settled},
        compare::{Base, Comparison, Marks, compare},
        identity::IdentityKey,
        settle::{JobOutcome, Settlement, settle},
    },
    payload_folder,
    pipeline::{Telling, Whole},
    records::{part_outcomes, parts},
    runs::{self, ReadingCounts, RunRow, id_of},
    sealing::SealedCut,
    sifting::{SiftError, Sifter},
    stop::Stop,
};
use crate::{
    hub::Hub,
    store::{PayloadError, PayloadKey, SealedObject, StoreError, Underway},
};

const CUTS_IN_FLIGHT: usize = 1;

/// What telling people apart made of a reading.
pub(super) struct Sifted {
    pub(super) counts: ReadingCounts,
    /// What a mirror found, and how many members there were before.
    pub(super) mirror: Option<(Changes, u64)>,
}

/// Why a ledger could not be made anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettleError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("the key of the run does not open")]
    Key,
    #[error("the work broke off: {0}")]
    Broke(#[from] tokio::task::JoinError),
}

impl From<sqlx::Error> for SettleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Hub {
    fn shelf(&self) -> Shelf {
        Shelf { payloads: self.payloads().clone(), runtime: Handle::current() }
    }

    /// Tells a ledger what became of a run that has ended, when that is still to be done. The run can't be gone on with afterwards.
    pub(super) async fn settle_ledger(&self, run_id: &RunId) -> Result<(), SettleError> {
        let run = runs::load(self.database(), run_id).await?;
        if !run.ledger_open || !run.state.is_final() {
            return Ok(());
        }
        let wrapped = run.payload_key.as_deref().ok_or(SettleError::Key)?;
        let opened = self.sealing().open(wrapped, &key_context(run_id)).map_err(|_| SettleError::Key)?;
        let key = PayloadKey::from_bytes(&opened).ok_or(SettleError::Key)?;
        let settled = self.settle(&run, &key, run.jobs_done).await?;
        let mut transaction = self.database().begin().await?;
        // A person may have had it tried again meanwhile: then it is settled when it ends.
        let text = format!(
            "update run set ledger_open = 0, read_whole_at = null, version = version + 1
             where id = $1 and ledger_open = 1 and state in ({})",
            super::states_sql(model::run::RunState::is_final)
        );
        let done = sqlx::query(AssertSqlSafe(text)).bind(run_id.as_str()).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            drop(transaction);
            if let Some(settled) = settled {
                self.payloads().remove_below(&settled.series.folder).await?;
            }
            return Ok(());
        }
        if let Some(settled) = &settled {
            book::replace(&mut transaction, settled, self.now_ms()).await?;
        }
        transaction.commit().await?;
        if let Some(settled) = settled {
            self.remove_old_members(&settled).await;
        }
        tracing::info!(run.id = %run_id, "the ledger was told what became of the run");
        Ok(())
    }

    /// The same for all earlier runs of a share.
    async fn settle_earlier(&self, share_id: &ShareId) -> Result<(), SettleError> {
        let rows = sqlx::query("select id from run where share_id = $1 and ledger_open = 1 order by created_at, id")
            .bind(share_id.as_str())
            .fetch_all(self.database().reader())
            .await?;
        for row in &rows {
            let id: RunId = id_of(row, "id")?;
            self.settle_ledger(&id).await?;
        }
        Ok(())
    }

    /// Writes the members as they are after a run of which the destination finished so many jobs. None when nothing was tried.
    async fn settle(&self, run: &RunRow, key: &PayloadKey, jobs_done: u32) -> Result<Option<Settled>, SettleError> {
        let Some(ledger_id) = &run.ledger_id else { return Ok(None) };
        let mut outcomes = Vec::new();
        for (number, job_mode) in (1..).zip(run.plan.mode.jobs()) {
            let parts = part_outcomes(self.database(), &run.id, *job_mode).await?;
            outcomes.push((*job_mode, JobOutcome { complete: jobs_done >= number, parts }));
        }
        if !outcomes.iter().any(|(_, job)| job.parts.iter().any(|part| part.attempted || part.acknowledged)) {
            return Ok(None);
        }
        let of = |wanted: JobMode| {
            outcomes.iter().find(|(job_mode, _)| *job_mode == wanted).map(|(_, job)| job.clone()).unwrap_or_default()
        };
        let (add, remove) = (of(JobMode::Add), of(JobMode::Remove));
        let ledger = book::load(self.database(), self.sealing(), ledger_id).await?;
        let folder = payload_folder(&run.id);
        let dropped = self.payloads().get(key, &super::dropped_path(&folder)).await?;
        let columns = columns(&run.plan.destination.fields, run, &ledger);
        let (shelf, run_key) = (self.shelf(), key.clone());
        let (before, now) = (ledger.clone(), columns.clone());
        let working = tokio::task::spawn_blocking(move || {
            let (blocks, dropped) = split_dropped(&dropped)?;
            let settlement = Settlement {
                notes: Series { folder: super::notes_folder(&folder), blocks },
                dropped: &dropped,
                add: &add,
                remove: &remove,
                columns: (&before.columns, &now),
                run_key: &run_key,
                ledger_key: &before.key,
                folder: before.new_folder(),
            };
            settle(settlement, &shelf)
        });
        let (series, members) = working.await??;
        let segment_id = run.segment_id.clone().or_else(|| match &run.plan.destination.segment {
            DestinationSegment::Existing { id, .. } => Some(id.clone()),
            DestinationSegment::New { .. } => None,
        });
        let replaced = ledger.series.folder;
        Ok(Some(Settled { id: ledger.id, columns, members, series, segment_id, replaced }))
    }

    async fn remove_old_members(&self, settled: &Settled) {
        if settled.replaced.is_empty() {
            return;
        }
        if let Err(error) = self.payloads().remove_below(&settled.replaced).await {
            tracing::warn!(ledger.id = %settled.id, %error, "an old ledger could not be removed");
        }
    }
}

/// The fields by which members can be found from now on: the identifiers that are sent, and those that were.
fn columns(fields: &[Field], run: &RunRow, ledger: &Ledger) -> Vec<String> {
    let is_sent = |field: &Field| run.plan.mapping.link(&field.name).is_some();
    let was_sent = |field: &Field| ledger.columns.contains(&field.name);
    let identifiers = fields.iter().filter(|field| field.kind == FieldKind::Identifier);
    identifiers.filter(|field| is_sent(field) || was_sent(field)).map(|field| field.name.clone()).collect()
}

/// The marks of rows that are not sent, with how many blocks of notes there are before them.
fn join_dropped(blocks: u32, dropped: &Marks) -> Vec<u8> {
    [blocks.to_le_bytes().to_vec(), dropped.to_bytes()].concat()
}

fn split_dropped(bytes: &[u8]) -> Result<(u32, Marks), PayloadError> {
    let whole = bytes.split_first_chunk::<4>();
    let (blocks, marks) = whole.ok_or_else(|| PayloadError::Unopenable { path: "dropped".to_owned() })?;
    Ok((u32::from_le_bytes(*blocks), Marks::from_bytes(marks)))
}

impl Carrier {
    /// Finds the ledger that a mirror compares with, after what earlier runs did was written into it.
    pub(super) async fn open_ledger(&mut self) -> Result<(), Stop> {
        if self.run.plan.mode != Mode::Mirror {
            return Ok(());
        }
        let earlier = self.hub.settle_earlier(&self.run.share_id).await;
        earlier.map_err(|error| self.settle_failed(&error))?;
        if self.run.ledger_id.is_some() {
            return Ok(());
        }
        let plan = &self.run.plan;
        let owner = Owner {
            account_id: &self.run.account_id,
            share_id: &self.run.share_id,
            endpoint_id: &plan.destination.endpoint_id,
            segment_id: match &plan.destination.segment {
                DestinationSegment::Existing { id, .. } => Some(id),
                DestinationSegment::New { .. } => None,
            },
        };
        let ledger = book::open(self.hub.database(), self.hub.sealing(), owner, self.hub.now_ms()).await;
        let ledger = ledger.map_err(|error| self.store_failed(error))?;
        let mut change = self.held.begin().await?;
        change.set_ledger(&ledger.id).await?;
        change.commit().await?;
        self.run.ledger_id = Some(ledger.id);
        Ok(())
    }

    async fn ledger(&self) -> Result<Option<Ledger>, Stop> {
        let Some(id) = self.run.ledger_id.as_ref().filter(|_| self.run.plan.mode == Mode::Mirror) else {
            return Ok(None);
        };
        let ledger = book::load(self.hub.database(), self.hub.sealing(), id).await;
        ledger.map(Some).map_err(|error| self.store_failed(error))
    }

    /// How the people of this run are told apart; none when they need not be.
    pub(super) async fn telling(&self) -> Result<Option<Telling>, Stop> {
        let plan = &self.run.plan;
        let identifiers = plan.destination.fields.iter().filter(|field| field.kind == FieldKind::Identifier);
        let has_identifier = identifiers.clone().any(|field| plan.mapping.link(&field.name).is_some());
        if let Some(ledger) = self.ledger().await? {
            if !has_identifier {
                let message = "A mirror needs an identifier to tell people apart, and none is mapped. Map one.";
                return Err(self.failed(FailureCode::MappingUnusable, message, false));
            }
            return Ok(Some(Telling {
                key: IdentityKey::derive(ledger.key.as_bytes()),
                columns: columns(&plan.destination.fields, &self.run, &ledger),
                with_fingerprints: true,
            }));
        }
        let wanted = plan.duplicates.within(plan.mode) != Duplicates::Keep && has_identifier;
        Ok(wanted.then(|| Telling {
            key: IdentityKey::derive(self.key.as_bytes()),
            columns: Vec::new(),
            with_fingerprints: false,
        }))
    }

    /// Leaves out what need not be sent, and makes the parts that remove people.
    pub(super) async fn sift(&mut self, whole: Whole, limits: Limits, counts: ReadingCounts) -> Result<Sifted, Stop> {
        if self.telling().await?.is_none() {
            return Ok(Sifted { counts, mirror: None });
        }
        let ledger = self.ledger().await?;
        let (run_id, folder) = (self.run.id.clone(), payload_folder(&self.run.id));
        let shelf = self.hub.shelf();
        let duplicates = self.run.plan.duplicates.within(self.run.plan.mode);
        let (run_shelf, key, base, sorted) = (shelf.clone(), self.key.clone(), ledger.clone(), whole.sorted.clone());
        let notes = super::notes_folder(&folder);
        let working = tokio::task::spawn_blocking(move || {
            let base = base.as_ref().map(|ledger| Base { key: &ledger.key, members: ledger.series.clone(), notes });
            compare(&sorted, duplicates, base.as_ref(), &run_shelf, &key)
        });
        let comparison = working.await.map_err(|error| self.internal(&error.to_string()))?;
        let comparison = comparison.map_err(|error| self.payload_failed(error))?;
        let removed = self.hub.payloads().remove_below(&super::sorted_folder(&folder)).await;
        removed.map_err(|error| self.payload_failed(error))?;

        let doubles = comparison.doubles.count();
        let changes = comparison.changes;
        let counts = ReadingCounts {
            valid: counts.valid.saturating_sub(doubles),
            rejected: counts.rejected + doubles,
            ..counts
        };
        if let Some(notes) = &comparison.notes {
            let dropped = join_dropped(notes.blocks, &comparison.doubles.or(&comparison.unchanged));
            let object = SealedObject::seal(&self.key, super::dropped_path(&folder), dropped);
            let object = object.map_err(|error| self.payload_failed(error))?;
            self.hub.payloads().put(object).await.map_err(|error| self.payload_failed(error))?;
        }
        if doubles + comparison.unchanged.count() + changes.removed > 0 {
            let sifter = Sifter {
                run_id,
                key: self.key.clone(),
                shelf,
                limits,
                header: whole.header,
                identity: self.identity_names(),
                duplicates,
                cuts: whole.cuts,
                spare: self.spare.clone(),
            };
            self.make_parts_anew(sifter, comparison, ledger.as_ref(), &counts).await?;
        }
        Ok(Sifted { counts, mirror: ledger.map(|ledger| (changes, ledger.members)) })
    }

    async fn make_parts_anew(
        &self,
        sifter: Sifter,
        comparison: Comparison,
        ledger: Option<&Ledger>,
        counts: &ReadingCounts,
    ) -> Result<(), Stop> {
        let read = parts(self.hub.database(), &self.run.id, None).await.map_err(|error| self.store_failed(error))?;
        let mut change = self.held.begin().await?;
        change.forget_read_parts().await?;
        change.commit().await?;
        let targets: Vec<String> = self.sent_fields().into_iter().map(|field| field.name).collect();
        let removals = ledger.map(|ledger| (ledger.columns.clone(), self.removal_columns(ledger)));
        let mapping = self.run.plan.mapping.clone();
        let (cuts_in, mut cuts) = mpsc::channel::<SealedCut>(CUTS_IN_FLIGHT);
        let working = tokio::task::spawn_blocking(move || {
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            let written = sifter.sift(&read, &targets, &comparison.doubles, &comparison.unchanged, &cuts_in)?;
            if let (Some((columns, wanted)), Some(notes)) = (&removals, &comparison.notes)
                && comparison.changes.removed > 0
            {
                sifter.removals(notes, columns, wanted, &mapping, written, &cuts_in)?;
            }
            Ok::<(), SiftError>(())
        });
        // It owns the receiver: when storing fails, the other side hears of it.
        let storing = async move {
            let mut underway = Underway::default();
            while let Some(cut) = cuts.recv().await {
                self.store_cut(cut, counts, &mut underway).await?;
            }
            underway.settle().await.map_err(|error| self.payload_failed(error))
        };
        let (stored, worked) = tokio::join!(storing, working);
        stored?;
        match worked.map_err(|error| self.internal(&error.to_string()))? {
            Ok(()) => Ok(()),
            Err(SiftError::NotWanted) => Err(self.internal("the parts could not be made anew")),
            Err(SiftError::Broken) => Err(self.internal("a part is not what was stored")),
            Err(SiftError::Payload(error)) => Err(self.payload_failed(error)),
        }
    }

    /// The names of the fields that tell people apart, for people.
    fn identity_names(&self) -> String {
        let sent = self.sent_fields();
        let identifiers: Vec<&Field> = sent.iter().filter(|field| field.kind == FieldKind::Identifier).collect();
        let required: Vec<&&Field> = identifiers.iter().filter(|field| field.required).collect();
        let names: Vec<&str> = if required.is_empty() {
            identifiers.iter().map(|field| field.display_name()).collect()
        } else {
            required.iter().map(|field| field.display_name()).collect()
        };
        names.join(" and ")
    }

    fn removal_columns(&self, ledger: &Ledger) -> Vec<String> {
        self.fields_of(ledger).map(|field| field.name.clone()).collect()
    }

    /// The columns of the parts that remove people: by what they were sent, as far as the destination still knows it.
    pub(super) async fn removal_fields(&self) -> Result<Vec<Field>, Stop> {
        let ledger = self.ledger().await?;
        let ledger = ledger.ok_or_else(|| self.internal("the ledger of the run is not known"))?;
        Ok(self.fields_of(&ledger).cloned().collect())
    }

    fn fields_of(&self, ledger: &Ledger) -> impl Iterator<Item = &Field> {
        let fields = self.run.plan.destination.fields.iter();
        fields.filter(|field| ledger.columns.contains(&field.name))
    }

    /// What the ledger is after this run, of which the destination has finished every job.
    pub(super) async fn settle_finished(&self) -> Result<Option<Settled>, Stop> {
        if !self.run.ledger_open {
            return Ok(None);
        }
        let run = runs::load(self.hub.database(), &self.run.id).await.map_err(|error| self.store_failed(error))?;
        let all = u32::try_from(run.plan.mode.jobs().len()).unwrap_or(u32::MAX);
        let settled = self.hub.settle(&run, &self.key, all).await;
        settled.map_err(|error| self.settle_failed(&error))
    }

    /// What is left of a ledger that was replaced goes. A failure is logged.
    pub(super) async fn ledger_replaced(&self, settled: &Settled) {
        self.hub.remove_old_members(settled).await;
    }

    fn settle_failed(&self, error: &SettleError) -> Stop {
        self.internal(&format!("the ledger could not be told what became of a run: {error}"))
    }
}
