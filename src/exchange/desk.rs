//! What callers of the hub can do with runs: see them, call one off, try a failed one again, download its rejects. Checks who asks; the
//! work is done elsewhere in this room.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use model::{
    error::HubError,
    id::{AccountId, RunId},
    mapping::Source,
    run::{Receipt, RunState},
    view::{
        Actor, BesideRun, EndpointHealth, HomeView, RejectSample, Role, RunChoices, RunPage, RunQuery, RunView,
        ShareState,
    },
};

use super::{
    payload_folder,
    rejects::{RejectFilter, download_header, only, sample},
    requests::{Asked, ask_to_approve, ask_to_cancel, ask_to_pause, ask_to_retry},
    views::{self, Newest},
};
use crate::{
    hub::{Hub, Result, internal},
    store::{PayloadKey, sealing::Unopenable, signing::PublicKey},
};

const HOME_RUNS: u32 = 10;
/// Runs that are longer ago say nothing about how an audience moves now.
const VOLATILE_WITHIN_MS: i64 = 90 * 86_400_000;
const LONGEST_REASON: usize = 500;

impl Hub {
    /// One page of the account's runs, newest first.
    pub async fn runs(&self, actor: &Actor, query: &RunQuery) -> Result<RunPage> {
        views::runs(self.database(), &actor.account_id, query, self.now_ms()).await.map_err(internal)
    }

    /// What the account's runs can be narrowed by.
    pub async fn run_filters(&self, actor: &Actor) -> Result<RunChoices> {
        let shares = self.shares(actor).await?.into_iter().filter(|share| share.state == ShareState::Active);
        let mut shares: Vec<_> = shares
            .map(|share| {
                let name = match (share.destination_name, share.destination_segment) {
                    (Some(to), Some(segment)) => format!("{} to {to}, {segment}", share.audience_name),
                    _ => share.audience_name,
                };
                (share.id, name)
            })
            .collect();
        shares.sort_by(|(_, one), (_, other)| one.cmp(other));
        let endpoints = self.endpoints(actor).await?;
        Ok(RunChoices {
            shares,
            endpoints: endpoints.into_iter().map(|endpoint| (endpoint.id, endpoint.name)).collect(),
        })
    }

    /// Something that is another once a run of the account was asked for, went on, or ended: who follows the list compares it.
    pub async fn runs_stamp(&self, actor: &Actor) -> Result<String> {
        views::stamp(self.database(), &actor.account_id).await.map_err(internal)
    }

    /// What a run's page shows beside the run.
    pub async fn run_details(&self, actor: &Actor, run_id: &RunId) -> Result<BesideRun> {
        let details = views::details(self.database(), &actor.account_id, run_id).await.map_err(internal)?;
        let mut details = details.ok_or_else(|| HubError::not_found("run"))?;
        // Whoever only looks may not see values, hidden or not.
        if actor.role >= Role::Member {
            details.samples = self.reject_samples(actor, run_id).await?;
        }
        Ok(details)
    }

    /// A few of the values for which rows of a run were left out: of the first rows of each kind of file.
    async fn reject_samples(&self, actor: &Actor, run_id: &RunId) -> Result<Vec<RejectSample>> {
        let mut samples = Vec::new();
        let files = views::reject_files(self.database(), &actor.account_id, run_id).await.map_err(internal)?;
        let Some(files) = files else { return Ok(samples) };
        let key = self.sealing().open(&files.wrapped_key, &super::key_context(run_id)).ok();
        let Some(key) = key.and_then(|bytes| PayloadKey::from_bytes(&bytes)) else { return Ok(samples) };
        let run = super::runs::load(self.database(), run_id).await.map_err(internal)?;
        let column_of = |field: &str| {
            let link = run.plan.mapping.links.iter().find(|link| link.target == field)?;
            let Source::Field { name } = &link.source else { return None };
            files.header.iter().position(|column| column == name)
        };
        let mut sampled = Vec::new();
        for (stage, number) in &files.files {
            if sampled.contains(stage) {
                continue;
            }
            sampled.push(*stage);
            let path = super::reject_path(&payload_folder(run_id), *stage, *number);
            // What was removed meanwhile has no sample.
            let Ok(file) = self.payloads().get(&key, &path).await else { continue };
            sample(&file, files.header.len(), &column_of, &mut samples).map_err(internal)?;
        }
        Ok(samples)
    }

    /// One run with all that is known of it.
    pub async fn run(&self, actor: &Actor, run_id: &RunId) -> Result<RunView> {
        let view = views::run(self.database(), &actor.account_id, run_id, self.exchange().settings.retention_ms())
            .await
            .map_err(internal)?;
        let mut view = view.ok_or_else(|| HubError::not_found("run"))?;
        view.has_rejects &= self.may_share(actor).is_ok();
        Ok(view)
    }

    /// What needs a look, what is under way, and what ended lately.
    pub async fn home(&self, actor: &Actor) -> Result<HomeView> {
        let newest = async |kind| views::newest(self.database(), &actor.account_id, kind, HOME_RUNS).await;
        let endpoints = self.endpoints(actor).await?;
        Ok(HomeView {
            alerts: self.open_alerts(actor).await?,
            freshness: views::freshness(self.database(), &actor.account_id, HOME_RUNS).await.map_err(internal)?,
            volatility: views::volatility(
                self.database(),
                &actor.account_id,
                self.now_ms().saturating_sub(VOLATILE_WITHIN_MS),
                HOME_RUNS as usize,
            )
            .await
            .map_err(internal)?,
            held_shares: self.held_shares(actor).await?,
            held_runs: newest(Newest::Held).await.map_err(internal)?,
            failed_runs: newest(Newest::FailedAndNotTriedAgain).await.map_err(internal)?,
            active_runs: newest(Newest::Active).await.map_err(internal)?,
            recent_runs: newest(Newest::Ended).await.map_err(internal)?,
            endpoints: u64::try_from(endpoints.len()).unwrap_or(u64::MAX),
            audiences: endpoints.iter().map(|endpoint| endpoint.audiences).sum(),
            failing_endpoints: endpoints
                .into_iter()
                .filter(|endpoint| endpoint.health == EndpointHealth::Failing || endpoint.access_ended.is_some())
                .collect(),
        })
    }

    /// The receipt of a run that ended well.
    pub async fn receipt(&self, actor: &Actor, run_id: &RunId) -> Result<Receipt> {
        serde_json::from_str(&self.receipt_text(actor, run_id).await?).map_err(internal)
    }

    /// The same as JSON, just as it was signed.
    pub async fn receipt_text(&self, actor: &Actor, run_id: &RunId) -> Result<String> {
        let receipt = views::receipt(self.database(), &actor.account_id, run_id).await.map_err(internal)?;
        receipt.ok_or_else(|| HubError::not_found("receipt"))
    }

    /// The key that this installation's receipts are verified with. It is no secret.
    pub fn receipt_key(&self) -> PublicKey {
        self.signing().public_key()
    }

    /// The rows that a run left out, or those that a filter takes, as CSV: the source's columns, then what was wrong with each. One file of rows is in
    /// memory at a time. These are people's values as they are: not for who only looks, and that they were taken is noted first.
    pub async fn rejects(
        &self,
        actor: &Actor,
        run_id: &RunId,
        filter: RejectFilter,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + 'static + use<>> {
        self.may_share(actor)?;
        let files = views::reject_files(self.database(), &actor.account_id, run_id).await.map_err(internal)?;
        let files = files.ok_or_else(|| HubError::not_found("rejects"))?;
        self.note_shown(actor, &files.audience_id, &files.audience_name).await?;
        let key = self.sealing().open(&files.wrapped_key, &super::key_context(run_id)).ok();
        let key = key.and_then(|bytes| PayloadKey::from_bytes(&bytes));
        let key = key.ok_or_else(|| internal(Unopenable))?;
        let columns = files.header.len();
        let header = Bytes::from(download_header(&files.header));
        let folder = payload_folder(run_id);
        let hub = self.clone();
        let bodies = stream::iter(files.files).then(move |(stage, number)| {
            let (hub, key, path) = (hub.clone(), key.clone(), super::reject_path(&folder, stage, number));
            let filter = filter.clone();
            async move {
                let bytes = hub.payloads().get(&key, &path).await.map_err(internal)?;
                if filter.is_open() {
                    return Ok(Bytes::from(bytes));
                }
                let kept = tokio::task::spawn_blocking(move || only(&bytes, columns, &filter)).await;
                kept.map_err(internal)?.map(Bytes::from).map_err(internal)
            }
        });
        Ok(stream::once(async move { Ok(header) }).chain(bodies))
    }

    /// Calls a run off. What was sent before stays as it is.
    pub async fn cancel_run(&self, actor: &Actor, run_id: &RunId) -> Result<()> {
        self.may_share(actor)?;
        self.call_off(actor, run_id, &format!("Called off by {}.", actor.user_name)).await
    }

    /// Lets a run rest until it is resumed. What endpoints send or fetch by themselves is taken meanwhile.
    pub async fn pause_run(&self, actor: &Actor, run_id: &RunId) -> Result<()> {
        self.may_share(actor)?;
        let note = format!("Paused by {}. What was acknowledged stays.", actor.user_name);
        let asked = ask_to_pause(self.database(), &actor.account_id, run_id, true, &note, self.now_ms()).await;
        self.answer_to_pause(asked.map_err(internal)?)?;
        self.exchange().pause(run_id);
        Ok(())
    }

    /// Lets a paused run go on: where it stopped when all had been read, else its source is read again.
    pub async fn resume_run(&self, actor: &Actor, run_id: &RunId) -> Result<()> {
        self.may_share(actor)?;
        let note = format!("Resumed by {}.", actor.user_name);
        let asked = ask_to_pause(self.database(), &actor.account_id, run_id, false, &note, self.now_ms()).await;
        self.answer_to_pause(asked.map_err(internal)?)?;
        self.wake_workers();
        Ok(())
    }

    fn answer_to_pause(&self, asked: Asked) -> Result<()> {
        match asked {
            Asked::Taken => Ok(()),
            Asked::NoSuchRun => Err(HubError::not_found("run")),
            Asked::Forbidden(state) => {
                let state = state.label().to_lowercase();
                Err(HubError::Conflict {
                    message: format!("Only a run that is under way can rest; this one is not ({state})."),
                })
            }
        }
    }

    /// Lets a held run go on. The reason is kept in its timeline.
    pub async fn approve_run(&self, actor: &Actor, run_id: &RunId, reason: &str) -> Result<()> {
        self.may_share(actor)?;
        let note = format!("Approved by {}: {}", actor.user_name, given_reason(reason)?);
        let asked = ask_to_approve(self.database(), &actor.account_id, run_id, &note, self.now_ms()).await;
        match asked.map_err(internal)? {
            Asked::Taken => {
                self.wake_workers();
                Ok(())
            }
            Asked::NoSuchRun => Err(HubError::not_found("run")),
            Asked::Forbidden(state) => Err(not_held(state)),
        }
    }

    /// Ends a held run without sending anything. The reason is kept in its timeline.
    pub async fn decline_run(&self, actor: &Actor, run_id: &RunId, reason: &str) -> Result<()> {
        self.may_share(actor)?;
        let note = format!("Declined by {}: {}", actor.user_name, given_reason(reason)?);
        match self.run(actor, run_id).await?.summary.state {
            RunState::Held => self.call_off(actor, run_id, &note).await,
            state => Err(not_held(state)),
        }
    }

    async fn call_off(&self, actor: &Actor, run_id: &RunId, note: &str) -> Result<()> {
        let now = self.now_ms();
        match ask_to_cancel(self.database(), &actor.account_id, run_id, note, now).await.map_err(internal)? {
            Asked::Taken => {
                self.exchange().call_off(run_id);
                self.wake_workers();
                Ok(())
            }
            Asked::NoSuchRun => Err(HubError::not_found("run")),
            Asked::Forbidden(RunState::Completing) => Err(HubError::Conflict {
                message: "All rows are with the destination, which is finishing; it is too late to call the run off."
                    .to_owned(),
            }),
            Asked::Forbidden(state) => {
                Err(HubError::Conflict { message: format!("The run has ended ({}).", state.label().to_lowercase()) })
            }
        }
    }

    /// Calls a run off that is in the way of the next one of its schedule. One that has ended meanwhile, or is finishing, is left alone.
    pub(crate) async fn give_way(&self, account_id: &AccountId, run_id: &RunId) -> Result<()> {
        let note = "Called off by the schedule: the next run is due.";
        let asked = ask_to_cancel(self.database(), account_id, run_id, note, self.now_ms()).await;
        if asked.map_err(internal)? == Asked::Taken {
            self.exchange().call_off(run_id);
            self.wake_workers();
        }
        Ok(())
    }

    /// Puts a failed run back to work, from where it stopped when all had been read, else from the start.
    pub async fn retry_run(&self, actor: &Actor, run_id: &RunId) -> Result<()> {
        self.may_share(actor)?;
        let now = self.now_ms();
        match ask_to_retry(self.database(), &actor.account_id, run_id, &actor.user_name, now).await.map_err(internal)? {
            Asked::Taken => {
                self.wake_workers();
                Ok(())
            }
            Asked::NoSuchRun => Err(HubError::not_found("run")),
            Asked::Forbidden(state) if state.is_final() => Err(HubError::Conflict {
                message: "Only a failed run can be tried again; share again instead.".to_owned(),
            }),
            Asked::Forbidden(_) => {
                Err(HubError::Conflict { message: "A run of this share is under way; wait for its end.".to_owned() })
            }
        }
    }

    pub(super) fn may_share(&self, actor: &Actor) -> Result<()> {
        if actor.role >= Role::Member {
            return Ok(());
        }
        Err(HubError::Forbidden {
            message: "A viewer only looks. Ask a member or an admin of your account.".to_owned(),
        })
    }
}

/// Why a person approves or declines, for those who read it later.
fn given_reason(reason: &str) -> Result<String> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let message = format!("Say why, in at most {LONGEST_REASON} characters; it is kept with the run.");
        return Err(HubError::invalid("reason", message));
    }
    Ok(reason.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect())
}

fn not_held(state: RunState) -> HubError {
    HubError::Conflict {
        message: format!("The run is not held for approval any more ({}).", state.label().to_lowercase()),
    }
}
