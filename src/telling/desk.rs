//! What people ask of alerts: the list and what they have read of it, what is told to whom, and whether it arrives. Checks who asks.

use std::time::Duration;

use model::{
    alert::{
        Alert, AlertEventKind, AlertForm, AlertPage, AlertRules, AlertSettingsView, AlertWebhook, Channel, Condition,
        Delivery, DeliveryState, ShareAlertsView, ToldPerson,
    },
    error::HubError,
    id::{AlertWebhookId, ShareId, UserId},
    view::{Actor, Role, WebhookSecretText},
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{
    delivering::{secret_context, subject, unreadable},
    messages::{self, about, without_query},
    rules,
};
use crate::{
    hub::{Hub, Result, internal},
    outbound::WebhookSecret,
    registry::{self, parsed_id, require, undecodable},
    sharing,
    store::{StoreError, clock::rfc3339, new_id},
};

/// Alerts and deliveries in a list.
const LISTED: i64 = 50;
/// Open alerts in a list: a cause may befall every share at once.
const MOST_OPEN: i64 = 500;
/// Alerts whose messages count as unread, at most: what is older than these was overtaken.
const MOST_UNREAD: i64 = 99;
/// Programs of one account that are told.
const MOST_WEBHOOKS: i64 = 5;
/// How long messages are signed with the secret before, too.
const OLD_SECRET_FOR: Duration = Duration::from_secs(24 * 3600);
/// Tests of one account within [`TEST_WINDOW_MS`].
const MOST_TESTS: i64 = 10;
const TEST_WINDOW_MS: i64 = 10 * 60_000;

const UNREAD: &str = "from alert_message m where m.account_id = $1 and m.alert_id is not null
    and not exists (select 1 from alert_read r where r.message_id = m.id and r.user_id = $2)";

/// Which alerts.
#[derive(Clone, Copy)]
enum Listed<'a> {
    /// What is the matter now.
    Open,
    /// The same of one share.
    OpenOf(&'a ShareId),
    /// What is over.
    Over,
}

impl Hub {
    /// How many messages the person has not read; at most 99.
    pub async fn unread_alerts(&self, actor: &Actor) -> Result<u64> {
        let text = format!("select count(*) as many from (select m.id {UNREAD} limit {MOST_UNREAD}) as unread");
        let row = sqlx::query(AssertSqlSafe(text))
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .fetch_one(self.database().reader())
            .await
            .map_err(internal)?;
        Ok(u64::try_from(row.try_get::<i64, _>("many").map_err(internal)?).unwrap_or(0))
    }

    /// The account's alerts: those that are open, the newest first, then those that are over.
    pub async fn alerts(&self, actor: &Actor) -> Result<AlertPage> {
        self.alert_page(actor).await.map_err(internal)
    }

    async fn alert_page(&self, actor: &Actor) -> std::result::Result<AlertPage, StoreError> {
        // What is the matter now is never cut off by what is over.
        let mut items = self.listed(actor, Listed::Open, MOST_OPEN).await?;
        let over = self.listed(actor, Listed::Over, LISTED + 1).await?;
        let is_cut = items.len() as i64 == MOST_OPEN || over.len() as i64 > LISTED;
        items.extend(over.into_iter().take(usize::try_from(LISTED).unwrap_or(0)));
        let open = sqlx::query("select count(*) as many from alert where account_id = $1 and closed_at is null")
            .bind(actor.account_id.as_str())
            .fetch_one(self.database().reader())
            .await?;
        let newest = sqlx::query(
            "select coalesce(max(created_at), 0) as newest from alert_message where account_id = $1 and alert_id is not null",
        )
        .bind(actor.account_id.as_str())
        .fetch_one(self.database().reader())
        .await?;
        let text = format!("select count(*) as many {UNREAD}");
        let unread = sqlx::query(AssertSqlSafe(text))
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .fetch_one(self.database().reader())
            .await?;
        let many = |row: &AnyRow| row.try_get::<i64, _>("many").map(|many| u64::try_from(many).unwrap_or(0));
        Ok(AlertPage { items, open: many(&open)?, unread: many(&unread)?, is_cut, until_ms: newest.try_get("newest")? })
    }

    /// What is the matter now, the newest first.
    pub(crate) async fn open_alerts(&self, actor: &Actor) -> Result<Vec<Alert>> {
        self.listed(actor, Listed::Open, LISTED).await.map_err(internal)
    }

    async fn listed(&self, actor: &Actor, which: Listed<'_>, most: i64) -> std::result::Result<Vec<Alert>, StoreError> {
        let (condition, share) = match which {
            Listed::Open => ("a.closed_at is null", ""),
            Listed::OpenOf(share) => ("a.closed_at is null and a.share_id = $3", share.as_str()),
            Listed::Over => ("a.closed_at is not null", ""),
        };
        let text = format!(
            "select a.*, case when exists (select 1 from alert_message m where m.alert_id = a.id
                    and not exists (select 1 from alert_read r where r.message_id = m.id and r.user_id = $2)) then 1 else 0 end as is_unread
             from alert a where a.account_id = $1 and {condition}
             order by coalesce(a.closed_at, a.opened_at) desc, a.id desc limit {most}"
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(actor.account_id.as_str()).bind(actor.user_id.as_str());
        let query = if share.is_empty() { query } else { query.bind(share) };
        let rows = query.fetch_all(self.database().reader()).await?;
        rows.iter().filter_map(|row| alert(row).transpose()).collect()
    }

    /// Notes that the person has read everything that was there at that moment.
    pub async fn read_alerts(&self, actor: &Actor, until_ms: i64) -> Result<()> {
        let text = format!(
            "insert into alert_read (message_id, user_id) select m.id, $2 {UNREAD} and m.created_at <= $3
             on conflict (message_id, user_id) do nothing"
        );
        sqlx::query(AssertSqlSafe(text))
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .bind(until_ms)
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// What is told in the account, to whom, and what came of it.
    pub async fn alert_settings(&self, actor: &Actor) -> Result<AlertSettingsView> {
        let set = rules::set_by_account(self.database(), &actor.account_id).await.map_err(internal)?;
        let (rules, changed) = set.map_or((AlertRules::default(), None), |(rules, changed)| (rules, Some(changed)));
        let is_admin = actor.role >= Role::Admin;
        Ok(AlertSettingsView {
            rules,
            changed,
            can_mail: self.mailer().is_some(),
            people: self.told_people(actor).await.map_err(internal)?,
            webhooks: if is_admin { self.alert_webhooks(actor).await.map_err(internal)? } else { Vec::new() },
            deliveries: if is_admin { self.deliveries(actor).await.map_err(internal)? } else { Vec::new() },
        })
    }

    async fn told_people(&self, actor: &Actor) -> std::result::Result<Vec<ToldPerson>, StoreError> {
        let mut transaction = self.database().reader().begin().await?;
        let members = registry::members(&mut transaction, &actor.account_id).await?;
        let rows = sqlx::query("select user_id from alert_email where account_id = $1")
            .bind(actor.account_id.as_str())
            .fetch_all(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        let told: Vec<String> = rows.iter().map(|row| row.try_get("user_id")).collect::<std::result::Result<_, _>>()?;
        let people = members.into_iter().map(|member| ToldPerson {
            is_told: told.iter().any(|id| id == member.id.as_str()),
            id: member.id,
            name: member.name,
            email: member.email,
        });
        // Others see themselves only: who else is told is for admins.
        Ok(people.filter(|person| actor.role >= Role::Admin || person.id == actor.user_id).collect())
    }

    async fn alert_webhooks(&self, actor: &Actor) -> std::result::Result<Vec<AlertWebhook>, StoreError> {
        let rows = sqlx::query(
            "select id, url, failure, disabled_at, old_secret_until, case when secret is null then 0 else 1 end as has_secret,
                case when old_secret is null then 0 else 1 end as has_old
             from alert_webhook where account_id = $1 order by created_at, id",
        )
        .bind(actor.account_id.as_str())
        .fetch_all(self.database().reader())
        .await?;
        let now = self.now_ms();
        rows.iter()
            .map(|row| {
                let old: Option<i64> = row.try_get("old_secret_until")?;
                let has_old = row.try_get::<i64, _>("has_old")? == 1;
                let is_off = row.try_get::<Option<i64>, _>("disabled_at")?.is_some();
                let failure: Option<String> = row.try_get("failure")?;
                Ok(AlertWebhook {
                    id: parsed_id(row, "id")?,
                    url: without_query(&row.try_get::<String, _>("url")?).to_owned(),
                    has_secret: row.try_get::<i64, _>("has_secret")? == 1,
                    old_secret_until: old.filter(|until| has_old && *until > now).map(rfc3339),
                    failure: is_off.then(|| failure.unwrap_or_default()),
                })
            })
            .collect()
    }

    async fn deliveries(&self, actor: &Actor) -> std::result::Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "select d.*, m.kind, a.condition, a.subject_name from alert_delivery d join alert_message m on m.id = d.message_id
             left join alert a on a.id = m.alert_id
             where d.account_id = $1 order by d.created_at desc, d.id desc limit $2",
        )
        .bind(actor.account_id.as_str())
        .bind(LISTED)
        .fetch_all(self.database().reader())
        .await?;
        rows.iter().map(delivery).collect()
    }

    /// Sets what is told in the account. Everything is looked at by the new rules at once.
    pub async fn set_alert_rules(&self, actor: &Actor, form: &AlertForm) -> Result<()> {
        require(actor, Role::Admin)?;
        let rules = form.parse().map_err(|problems| HubError::Invalid { problems })?;
        let text = serde_json::to_string(&rules).map_err(internal)?;
        let set = async {
            let shares = sharing::active_shares(self.database(), &actor.account_id).await?;
            let mut transaction = self.database().begin().await?;
            let now = self.now_ms();
            sqlx::query(
                "insert into alert_rule (account_id, rules, changed_by, changed_at) values ($1, $2, $3, $4)
                 on conflict (account_id) do update set rules = excluded.rules, changed_by = excluded.changed_by, changed_at = excluded.changed_at",
            )
            .bind(actor.account_id.as_str())
            .bind(text)
            .bind(actor.user_name.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
            for share in &shares {
                super::look(&mut transaction, now, &actor.account_id, share).await?;
            }
            transaction.commit().await?;
            self.look_at_account_endings(&actor.account_id).await
        };
        set.await.map_err(internal)
    }

    /// What is told of one share, and what is the matter with it.
    pub async fn share_alerts(&self, actor: &Actor, id: &ShareId) -> Result<ShareAlertsView> {
        let name = self.share_name(actor, id).await?;
        let own = rules::set_for_share(self.database(), &actor.account_id, id).await.map_err(internal)?;
        let (rules, changed) = match own {
            Some((rules, changed)) => (rules, Some(changed)),
            None => {
                let set = rules::set_by_account(self.database(), &actor.account_id).await.map_err(internal)?;
                (set.map(|(rules, _)| rules).unwrap_or_default(), None)
            }
        };
        let open = self.listed(actor, Listed::OpenOf(id), LISTED).await.map_err(internal)?;
        Ok(ShareAlertsView { name, rules, changed, open })
    }

    /// Sets what is told of one share; none lets the account's rules hold again.
    pub async fn set_share_alert_rules(&self, actor: &Actor, id: &ShareId, form: Option<&AlertForm>) -> Result<()> {
        require(actor, Role::Member)?;
        let rules = form.map(AlertForm::parse).transpose().map_err(|problems| HubError::Invalid { problems })?;
        let text = rules.map(|rules| serde_json::to_string(&rules)).transpose().map_err(internal)?;
        self.share_name(actor, id).await?;
        let set = async {
            let mut transaction = self.database().begin().await?;
            let now = self.now_ms();
            match text {
                None => {
                    sqlx::query("delete from share_alert_rule where share_id = $1 and account_id = $2")
                        .bind(id.as_str())
                        .bind(actor.account_id.as_str())
                        .execute(&mut *transaction)
                        .await?;
                }
                Some(text) => {
                    sqlx::query(
                        "insert into share_alert_rule (share_id, account_id, rules, changed_by, changed_at) values ($1, $2, $3, $4, $5)
                         on conflict (share_id) do update set rules = excluded.rules, changed_by = excluded.changed_by,
                            changed_at = excluded.changed_at
                         where share_alert_rule.account_id = excluded.account_id",
                    )
                    .bind(id.as_str())
                    .bind(actor.account_id.as_str())
                    .bind(text)
                    .bind(actor.user_name.as_str())
                    .bind(now)
                    .execute(&mut *transaction)
                    .await?;
                }
            }
            super::look(&mut transaction, now, &actor.account_id, id).await?;
            transaction.commit().await?;
            Ok::<_, StoreError>(())
        };
        set.await.map_err(internal)
    }

    async fn share_name(&self, actor: &Actor, id: &ShareId) -> Result<String> {
        let read = async {
            let mut transaction = self.database().reader().begin().await?;
            let standing = sharing::standing(&mut transaction, &actor.account_id, id).await?;
            transaction.rollback().await?;
            Ok::<_, StoreError>(standing)
        };
        let standing = read.await.map_err(internal)?;
        standing.map(|standing| standing.name).ok_or_else(|| HubError::not_found("share"))
    }

    /// Has alerts mailed to a person of the account, or not any more. Everybody decides for themselves; an admin for others, too.
    pub async fn mail_alerts_to(&self, actor: &Actor, user_id: &UserId, is_told: bool) -> Result<()> {
        if *user_id != actor.user_id {
            require(actor, Role::Admin)?;
            if self.actor(user_id, &actor.account_id).await?.is_none() {
                return Err(HubError::not_found("person"));
            }
        }
        let text = if is_told {
            "insert into alert_email (account_id, user_id) values ($1, $2) on conflict (account_id, user_id) do nothing"
        } else {
            "delete from alert_email where account_id = $1 and user_id = $2"
        };
        sqlx::query(text)
            .bind(actor.account_id.as_str())
            .bind(user_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Adds a program that is told. It is told nothing before a secret was made for it.
    pub async fn add_alert_webhook(&self, actor: &Actor, url: &str) -> Result<AlertWebhookId> {
        require(actor, Role::Admin)?;
        let url = self.webhook_url(url).map_err(|message| HubError::invalid("url", message))?;
        let id: AlertWebhookId = new_id(AlertWebhookId::PREFIX);
        let added = sqlx::query(
            "insert into alert_webhook (id, account_id, url, created_by, created_at)
             select $1, $2, $3, $4, $5 where (select count(*) from alert_webhook where account_id = $2) < $6",
        )
        .bind(id.as_str())
        .bind(actor.account_id.as_str())
        .bind(url.as_str())
        .bind(actor.user_name.as_str())
        .bind(self.now_ms())
        .bind(MOST_WEBHOOKS)
        .execute(self.database().writer())
        .await
        .map_err(internal)?;
        if added.rows_affected() == 0 {
            let message = format!("An account has at most {MOST_WEBHOOKS} webhooks. Remove one first.");
            return Err(HubError::invalid("url", message));
        }
        tracing::info!(account.id = %actor.account_id, "webhook for alerts added");
        Ok(id)
    }

    /// Removes a program that is told. What is on its way to it is given up.
    pub async fn remove_alert_webhook(&self, actor: &Actor, id: &AlertWebhookId) -> Result<()> {
        require(actor, Role::Admin)?;
        let removed = sqlx::query("delete from alert_webhook where id = $1 and account_id = $2")
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if removed.rows_affected() == 0 { Err(HubError::not_found("webhook")) } else { Ok(()) }
    }

    /// Makes a new secret for a webhook, and turns it on. For a day messages are signed with the one before, too, so that the receiver can be changed
    /// over in between. It can't be shown again.
    pub async fn renew_alert_secret(&self, actor: &Actor, id: &AlertWebhookId) -> Result<WebhookSecretText> {
        require(actor, Role::Admin)?;
        let secret = WebhookSecret::generate();
        let until = self.now_ms().saturating_add(i64::try_from(OLD_SECRET_FOR.as_millis()).unwrap_or(0));
        let renewed = sqlx::query(
            "update alert_webhook set old_secret = secret, old_secret_until = case when secret is null then null else $3 end, secret = $4,
                failure = null, disabled_at = null
             where id = $1 and account_id = $2",
        )
        .bind(id.as_str())
        .bind(actor.account_id.as_str())
        .bind(until)
        .bind(self.sealing().seal(secret.as_bytes(), &secret_context(id)))
        .execute(self.database().writer())
        .await
        .map_err(internal)?;
        if renewed.rows_affected() == 0 {
            return Err(HubError::not_found("webhook"));
        }
        tracing::info!(account.id = %actor.account_id, "secret of an alerts' webhook made");
        Ok(WebhookSecretText(secret.reveal()))
    }

    /// Turns a webhook on again that was turned off because it did not take messages.
    pub async fn turn_alert_webhook_on(&self, actor: &Actor, id: &AlertWebhookId) -> Result<()> {
        require(actor, Role::Admin)?;
        let text = "update alert_webhook set failure = null, disabled_at = null where id = $1 and account_id = $2";
        let on = sqlx::query(text)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if on.rows_affected() == 0 { Err(HubError::not_found("webhook")) } else { Ok(()) }
    }

    /// Sends a test message to one receiver: a person's mail, or a webhook. What becomes of it is in the log.
    pub async fn test_alerts(&self, actor: &Actor, channel: Channel, receiver: &str) -> Result<()> {
        let (receiver, name) = match channel {
            Channel::Email => {
                let id: UserId = receiver.parse().map_err(|_| HubError::not_found("person"))?;
                if id != actor.user_id {
                    require(actor, Role::Admin)?;
                }
                let person = self.actor(&id, &actor.account_id).await?;
                (id.to_string(), person.ok_or_else(|| HubError::not_found("person"))?.email)
            }
            Channel::Webhook => {
                require(actor, Role::Admin)?;
                let id: AlertWebhookId = receiver.parse().map_err(|_| HubError::not_found("webhook"))?;
                let mut webhooks = self.alert_webhooks(actor).await.map_err(internal)?.into_iter();
                let webhook = webhooks.find(|webhook| webhook.id == id);
                let webhook = webhook.ok_or_else(|| HubError::not_found("webhook"))?;
                if !webhook.has_secret || webhook.failure.is_some() {
                    let message = if webhook.has_secret {
                        "It is turned off. Turn it on again first."
                    } else {
                        "It has no secret yet. Make one first, and give it to the program there."
                    };
                    return Err(HubError::Conflict { message: message.to_owned() });
                }
                (id.to_string(), webhook.url)
            }
        };
        let written = async {
            let now = self.now_ms();
            let mut transaction = self.database().begin().await?;
            let row = sqlx::query(
                "select count(*) as many from alert_message where account_id = $1 and alert_id is null and created_at > $2",
            )
            .bind(actor.account_id.as_str())
            .bind(now - TEST_WINDOW_MS)
            .fetch_one(&mut *transaction)
            .await?;
            if row.try_get::<i64, _>("many")? >= MOST_TESTS {
                return Ok(false);
            }
            let account_id = &actor.account_id;
            let id = messages::write(&mut transaction, now, account_id, None, AlertEventKind::Test).await?;
            messages::deliver(&mut transaction, now, account_id, &id, channel, &receiver, &name).await?;
            transaction.commit().await?;
            Ok::<_, StoreError>(true)
        };
        if written.await.map_err(internal)? {
            return Ok(());
        }
        let message = "Ten test messages were sent within ten minutes. Wait a little, and look at the log meanwhile.";
        Err(HubError::Conflict { message: message.to_owned() })
    }
}

/// None of a condition that this Usher does not know.
fn alert(row: &AnyRow) -> std::result::Result<Option<Alert>, StoreError> {
    let Some(condition) = Condition::parse(&row.try_get::<String, _>("condition")?) else { return Ok(None) };
    let run_id: Option<String> = row.try_get("run_id")?;
    Ok(Some(Alert {
        id: parsed_id(row, "id")?,
        subject: subject(row)?,
        condition,
        cause: row.try_get("cause")?,
        run_id: run_id.map(|id| id.parse().map_err(undecodable)).transpose()?,
        opened_at: rfc3339(row.try_get("opened_at")?),
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(rfc3339),
        closed_cause: row.try_get("closed_cause")?,
        is_unread: row.try_get::<i64, _>("is_unread")? == 1,
    }))
}

fn delivery(row: &AnyRow) -> std::result::Result<Delivery, StoreError> {
    let kind: String = row.try_get("kind")?;
    let kind = AlertEventKind::parse(&kind).ok_or_else(|| unreadable("kind"))?;
    let condition: Option<String> = row.try_get("condition")?;
    let name: Option<String> = row.try_get("subject_name")?;
    let state = DeliveryState::parse(&row.try_get::<String, _>("state")?).ok_or_else(|| unreadable("delivery"))?;
    let due: Option<i64> = row.try_get("due_at")?;
    Ok(Delivery {
        message_id: row.try_get("message_id")?,
        about: about(kind, condition.as_deref().and_then(Condition::parse), name.as_deref().unwrap_or_default()),
        channel: Channel::parse(&row.try_get::<String, _>("channel")?).ok_or_else(|| unreadable("channel"))?,
        receiver: row.try_get("receiver_name")?,
        state,
        attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
        detail: row.try_get("detail")?,
        attempted_at: row.try_get::<Option<i64>, _>("attempted_at")?.map(rfc3339),
        due_at: due.filter(|_| state == DeliveryState::Waiting).map(rfc3339),
        created_at: rfc3339(row.try_get("created_at")?),
    })
}
