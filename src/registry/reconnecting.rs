//! Connecting an endpoint anew, as the same endpoint: with other credentials, with another consent, or with a newer approved version of its
//! application. The live test of Click to Connect decides; until every step of it went well, all stays as it was. Shares, segments and endpoint keys
//! are not touched.

use model::{
    application::{Credentials, Definition},
    contract::{ConsumerSide, EndpointDescription, ProducerSide},
    error::HubError,
    id::EndpointId,
    view::{Actor, Connect, ConnectionReport, Reconnect, Reconnected, Reconnection, Role},
};
use url::Url;

use super::{
    applications::{Application, compared, filled, gallery_view},
    connection::{self, Learned},
    credentials::{self, Kept},
    endpoints::{self, Address, Parsed, Standing},
    require,
};
use crate::{
    exchange,
    hub::{Hub, Result, internal},
};

/// What an endpoint is to be connected as.
pub(super) struct Target {
    pub(super) application: Application,
    /// Where it is called; none when it is not, or says by itself.
    address: Option<Address>,
    /// What is kept sealed stays as it is.
    keeps: bool,
}

impl Target {
    /// With something that was given for it just now.
    pub(super) fn given(application: Application, address: Address) -> Self {
        Self { application, address: Some(address), keeps: false }
    }
}

/// How the test of a target went, and what it learned when it went well.
struct Tried {
    report: ConnectionReport,
    learned: Option<Outcome>,
}

struct Outcome {
    description: EndpointDescription,
    /// Absent when there was nobody to call.
    kept: Option<Kept>,
}

impl Hub {
    /// What it takes to connect an endpoint anew: with the version of its application that it keeps to, or with the newer approved one where there is
    /// one.
    pub async fn reconnection(&self, actor: &Actor, id: &EndpointId, newer: bool) -> Result<Reconnection> {
        let standing = self.standing_endpoint(&actor.account_id, id).await?;
        let newer = if newer { self.newer_application(&standing).await? } else { None };
        let application = newer.unwrap_or_else(|| standing.application.clone());
        let kept = self.kept(&actor.account_id, id).await.map_err(internal)?;
        let may_keep = may_keep(&standing, &application, kept.as_ref());
        let is_admin = actor.role >= Role::Admin;
        let values =
            kept.as_ref().filter(|_| is_admin).map(|kept| kept.shown(&application.definition.credential_fields));
        let base_url = kept.as_ref().zip(standing.base_url.as_ref());
        let base_url = base_url.map(|(kept, url)| address_of(url, &standing.application, &application, kept));
        let described =
            foretold(&standing.endpoint.description, &standing.application.definition, &application.definition);
        let present = &standing.endpoint.description;
        Ok(Reconnection {
            id: id.clone(),
            name: standing.endpoint.name.clone(),
            present_version: standing.application.version,
            base_url: base_url
                .map(|url| url.to_string())
                .or_else(|| application.definition.urls.base.clone())
                .unwrap_or_default(),
            values: values.unwrap_or_default(),
            may_keep,
            access_ended: standing.access_ended,
            runs: self.runs_under_way(actor, id).await?,
            lines: compared(Some(&standing.application.definition), &application.definition),
            broken: self.shares_broken_by(actor, id, present, &described).await?,
            application: gallery_view(application, 1),
        })
    }

    /// Tries it, and changes nothing.
    pub async fn try_reconnection(&self, actor: &Actor, id: &EndpointId, form: &Reconnect) -> Result<Reconnected> {
        require(actor, Role::Admin)?;
        let standing = self.standing_endpoint(&actor.account_id, id).await?;
        let target = self.target(actor, &standing, form).await?;
        let tried = self.tried(&standing, &target).await;
        let broken = match &tried.learned {
            Some(learned) => {
                self.shares_broken_by(actor, id, &standing.endpoint.description, &learned.description).await?
            }
            None => Vec::new(),
        };
        Ok(Reconnected { report: tried.report, broken })
    }

    /// Tries it, and puts it in place when every step of the test went well. The report says whether that is so; else all is as it was.
    pub async fn reconnect(&self, actor: &Actor, id: &EndpointId, form: &Reconnect) -> Result<Reconnected> {
        require(actor, Role::Admin)?;
        let standing = self.standing_endpoint(&actor.account_id, id).await?;
        let target = self.target(actor, &standing, form).await?;
        let tried = self.tried(&standing, &target).await;
        self.put_in_place(actor, &standing, &target, tried).await
    }

    /// The same with what was given for it just now; an error when a step did not go well.
    pub(super) async fn reconnect_to(
        &self,
        actor: &Actor,
        standing: &Standing,
        target: &Target,
    ) -> Result<Reconnected> {
        let tried = self.tried(standing, target).await;
        if tried.learned.is_none() {
            return Err(endpoints::not_passed(&tried.report));
        }
        self.put_in_place(actor, standing, target, tried).await
    }

    /// The version of an endpoint's application that a form names, as long as it can be connected.
    pub(super) async fn reconnectable(&self, standing: &Standing, version: u32) -> Result<Application> {
        if version == standing.application.version {
            return Ok(standing.application.clone());
        }
        let newer = self.newer_application(standing).await?;
        newer.filter(|newer| newer.version == version).ok_or_else(|| HubError::Outdated {
            message: format!(
                "Version {version} of {} is not the newest approved one any more. Reload the page.",
                standing.endpoint.application
            ),
        })
    }

    async fn newer_application(&self, standing: &Standing) -> Result<Option<Application>> {
        match standing.newer_version() {
            Some(version) => self.application_at(&standing.application.id, version).await.map(Some),
            None => Ok(None),
        }
    }

    async fn target(&self, actor: &Actor, standing: &Standing, form: &Reconnect) -> Result<Target> {
        let application = self.reconnectable(standing, form.version).await?;
        let (account_id, id) = (&actor.account_id, &standing.endpoint.id);
        if !form.keep {
            let form = Connect { name: standing.endpoint.name.clone(), ..form.connect.clone() };
            let Parsed { application, address, .. } = endpoints::parse(&form, application)?;
            return Ok(Target { application, address, keeps: false });
        }
        let good = self.good_credentials(account_id, id, &standing.application).await;
        let kept = good.map_err(|error| credentials::endpoint_error(&error))?;
        if !may_keep(standing, &application, kept.as_ref()) {
            let message = format!("Version {} asks for something else. Enter it.", application.version);
            return Err(HubError::Conflict { message });
        }
        let address = kept.zip(standing.base_url.as_ref()).filter(|_| is_called_at(&application.definition)).map(
            |(kept, url)| {
                let base_url = address_of(url, &standing.application, &application, &kept);
                Address { base_url, kept }
            },
        );
        Ok(Target { keeps: address.is_some(), application, address })
    }

    async fn tried(&self, standing: &Standing, target: &Target) -> Tried {
        let Some(address) = &target.address else {
            let description = standing.endpoint.description.clone();
            let report = connection::compare(&target.application, &description);
            let learned = report.passed().then_some(Outcome { description, kept: None });
            return Tried { report, learned };
        };
        let (report, learned) = connection::test(self, &target.application, address).await;
        let learned = learned.map(|Learned { description, kept }| Outcome { description, kept: Some(kept) });
        Tried { report, learned }
    }

    async fn put_in_place(
        &self,
        actor: &Actor,
        standing: &Standing,
        target: &Target,
        Tried { report, learned }: Tried,
    ) -> Result<Reconnected> {
        let Some(Outcome { description, kept }) = learned else {
            return Ok(Reconnected { report, broken: Vec::new() });
        };
        let (account_id, id) = (&actor.account_id, &standing.endpoint.id);
        let given = kept.filter(|_| !target.keeps);
        let ends_at = given.as_ref().and_then(Kept::ends_at);
        let sealed = given.map(|kept| self.seal_kept(id, &kept)).transpose()?;
        let was_called = target.address.is_some();
        let base_url = target.address.as_ref().map(|address| &address.base_url);
        let moves = base_url != standing.base_url.as_ref()
            || target.application.definition.urls != standing.application.definition.urls;
        let broken = self.shares_broken_by(actor, id, &standing.endpoint.description, &description).await?;
        let text = serde_json::to_string(&description).map_err(internal)?;
        let now = self.now_ms();
        let mut transaction = self.database().begin().await.map_err(internal)?;
        // Whoever renews the token that was there must not put it back.
        let sql = "update endpoint set application_version = $1, base_url = $2, description = $3,
                credential = case when $4 = 1 then credential else $5 end,
                credential_ends_at = case when $4 = 1 then credential_ends_at else $10 end,
                credential_slides = case when $4 = 1 then credential_slides else 0 end,
                renewal_tried_at = case when $4 = 1 then renewal_tried_at else null end,
                renewing_until = case when $4 = 1 then renewing_until else null end, renewing_id = case when $4 = 1 then renewing_id else null end,
                last_success_at = coalesce($6, last_success_at), last_failure = case when $6 is null then last_failure else null end,
                access_ended_at = case when $6 is null then access_ended_at else null end
            where id = $7 and account_id = $8 and application_version = $9 and disconnected_at is null";
        let done = sqlx::query(sql)
            .bind(i64::from(target.application.version))
            .bind(base_url.map(Url::as_str))
            .bind(text)
            .bind(i64::from(target.keeps))
            .bind(sealed)
            .bind(Some(now).filter(|_| was_called))
            .bind(id.as_str())
            .bind(account_id.as_str())
            .bind(i64::from(standing.application.version))
            .bind(ends_at)
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if done.rows_affected() != 1 {
            let message = "Somebody has connected it anew or disconnected it meanwhile. Reload the page.".to_owned();
            return Err(HubError::Outdated { message });
        }
        let runs = exchange::runs_with_endpoint(&mut *transaction, account_id, id).await.map_err(internal)?;
        if moves && runs > 0 {
            // What was begun at one address can't be gone on with at another.
            let runs = if runs == 1 { "A run with it is".to_owned() } else { format!("{runs} runs with it are") };
            let message = format!(
                "{runs} under way, and its addresses would change. Wait until they have ended, or cancel them."
            );
            return Err(HubError::Conflict { message });
        }
        if !target.keeps {
            // That was the end of what it was called with before.
            sqlx::query("delete from credential_end where endpoint_id = $1 and account_id = $2")
                .bind(id.as_str())
                .bind(account_id.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(internal)?;
        }
        transaction.commit().await.map_err(internal)?;
        tracing::info!(endpoint.id = %id, version = target.application.version, "endpoint connected anew");
        self.follow_fields(account_id, id).await;
        self.look_at_account_endings(account_id).await.map_err(internal)?;
        if self.webhook_of(account_id, id).await?.is_none() {
            self.begin_webhook(account_id, id, &target.application).await;
        }
        if description.producer.is_some()
            && was_called
            && let Err(error) = self.refresh_audiences(actor, id).await
        {
            tracing::warn!(endpoint.id = %id, %error, "the audiences of an endpoint that was connected anew could not be read yet");
        }
        Ok(Reconnected { report, broken })
    }

    async fn runs_under_way(&self, actor: &Actor, id: &EndpointId) -> Result<u64> {
        let runs = exchange::runs_with_endpoint(self.database().reader(), &actor.account_id, id).await;
        Ok(runs.map_err(internal)?.unsigned_abs())
    }
}

/// Whether an endpoint of this version has an address at which it is called; one that registers says it by itself.
fn is_called_at(definition: &Definition) -> bool {
    definition.is_called() || matches!(definition.credentials, Credentials::Instructions { .. })
}

/// What it is called with now is what the version asks for; or the version asks for nothing.
fn may_keep(standing: &Standing, application: &Application, kept: Option<&Kept>) -> bool {
    match kept {
        Some(kept) => {
            !is_called_at(&application.definition)
                || kept.serves(&standing.application.definition.credentials, &application.definition)
        }
        None => !application.definition.is_called() || application.steps().is_some(),
    }
}

/// Where an endpoint is called as an instance of another version: where the application moved to, when it was where the application was.
fn address_of(present: &Url, before: &Application, after: &Application, kept: &Kept) -> Url {
    let address = |application: &Application| {
        let base = application.definition.urls.base.as_deref()?;
        endpoints::parse_base_url(&filled(base, &kept.values())).ok()
    };
    match (address(before), address(after)) {
        (Some(before), Some(after)) if before == *present => after,
        _ => present.clone(),
    }
}

/// What an endpoint will probably say of itself as an instance of another version, before it was asked: what the definition says, and of what that leaves
/// open what it says now.
fn foretold(present: &EndpointDescription, before: &Definition, after: &Definition) -> EndpointDescription {
    let mut foretold = present.clone();
    if before.producer != after.producer {
        foretold.producer = after.producer.map(|movement| ProducerSide { movement });
    }
    let Some(movement) = after.consumer else { return EndpointDescription { consumer: None, ..foretold } };
    let Some(ConsumerSide { mut delivery, mut fields, .. }) = foretold.consumer.take() else { return foretold };
    if let Some(declared) = &after.delivery {
        delivery.modes.retain(|mode| declared.modes.contains(mode));
    }
    let is_declared = |definition: &Definition, name: &str| definition.fields.iter().any(|field| field.name == name);
    fields.retain(|field| !is_declared(before, &field.name) || is_declared(after, &field.name));
    for declared in after.fields.iter().filter(|declared| !before.fields.contains(declared)) {
        match fields.iter_mut().find(|field| field.name == declared.name) {
            Some(field) => *field = declared.clone(),
            None => fields.push(declared.clone()),
        }
    }
    foretold.consumer = Some(ConsumerSide { movement, delivery, fields });
    foretold
}

#[cfg(test)]
mod tests {
    use model::{
        contract::{DeliveryOptions, JobMode, Movement},
        field::{Field, FieldKind, FieldType},
    };

    use super::*;

    #[test]
    fn what_a_version_leaves_open_is_taken_to_stay_as_it_is() {
        let field = |name: &str| Field::new(name, FieldKind::Attribute, FieldType::String);
        let delivery = |modes: Vec<JobMode>| DeliveryOptions {
            modes,
            new_segment: true,
            existing_segment: true,
            rows_per_part: None,
            rows_per_second: None,
            member_lifetime_days: None,
        };
        let before = Definition {
            consumer: Some(Movement::Push),
            fields: vec![field("email"), field("city")],
            delivery: Some(delivery(vec![JobMode::Add, JobMode::Replace])),
            ..Definition::default()
        };
        let after = Definition {
            fields: vec![field("email"), field("phone").required()],
            delivery: Some(delivery(vec![JobMode::Add])),
            ..before.clone()
        };
        let consumer = ConsumerSide {
            movement: Movement::Push,
            delivery: delivery(vec![JobMode::Add, JobMode::Replace]),
            fields: vec![field("email"), field("city"), field("of_its_own")],
        };
        let present = EndpointDescription {
            name: "Mail".to_owned(),
            description: None,
            producer: None,
            consumer: Some(consumer),
        };
        let told = foretold(&present, &before, &after).consumer.expect("still takes");
        let names: Vec<_> = told.fields.iter().map(|field| (field.name.as_str(), field.required)).collect();
        assert_eq!(names, [("email", false), ("of_its_own", false), ("phone", true)]);
        assert_eq!(told.delivery.modes, [JobMode::Add]);
        assert_eq!(foretold(&present, &before, &before), present);
        assert!(foretold(&present, &before, &Definition::default()).consumer.is_none());
    }
}
