//! The log of calls between Usher and each endpoint: method, path, status, time; never a value, a key or a query. Calls are gathered in memory and
//! written together, so that a run of a thousand parts does not write a thousand times. The newest of each endpoint are kept.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::{
    id::{AccountId, EndpointId},
    view::EndpointCall,
};
use sqlx::{AssertSqlSafe, Row};
use tokio_util::sync::CancellationToken;

use super::EndpointActor;
use crate::{
    hub::Hub,
    outbound::Call,
    store::{StoreError, clock::rfc3339},
};

/// Calls that are kept of each endpoint.
const KEPT: usize = 200;
/// Calls on an endpoint's page.
const SHOWN: i64 = 50;
const WRITE_EVERY: Duration = Duration::from_secs(1);
const COLUMNS: usize = 10;

/// A call that is not written down yet.
struct Noted {
    id: String,
    by_usher: bool,
    call: Call,
    at: i64,
}

/// The calls that are not written down yet.
#[derive(Default)]
pub(crate) struct CallLog(Mutex<HashMap<EndpointId, (AccountId, VecDeque<Noted>)>>);

impl CallLog {
    fn add(&self, account_id: &AccountId, endpoint_id: &EndpointId, noted: Noted) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, calls) = waiting.entry(endpoint_id.clone()).or_insert_with(|| (account_id.clone(), VecDeque::new()));
        if calls.len() == KEPT {
            calls.pop_front();
        }
        calls.push_back(noted);
    }

    fn take(&self) -> HashMap<EndpointId, (AccountId, VecDeque<Noted>)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Hub {
    /// Logs a call that an endpoint made. `path` is to hold no value: ids of Usher's own at most.
    pub fn log_call_of_endpoint(
        &self,
        endpoint: &EndpointActor,
        method: &str,
        path: String,
        status: u16,
        duration: Duration,
    ) {
        let call = Call { method: method.to_owned(), path, status: Some(status), failure: None, duration };
        self.log_call(&endpoint.account_id, &endpoint.endpoint_id, false, call);
    }

    /// Logs a call that Usher made.
    pub(crate) fn log_own_call(&self, account_id: &AccountId, endpoint_id: &EndpointId, call: Call) {
        self.log_call(account_id, endpoint_id, true, call);
    }

    fn log_call(&self, account_id: &AccountId, endpoint_id: &EndpointId, by_usher: bool, call: Call) {
        let id = uuid::Uuid::now_v7().simple().to_string();
        self.calls().add(account_id, endpoint_id, Noted { id, by_usher, call, at: self.now_ms() });
    }

    /// Writes calls down until `stop` is cancelled.
    pub async fn keep_call_log(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(WRITE_EVERY) => {}
            }
            self.write_calls().await;
        }
    }

    /// Writes down what waits. A log that can't be written is nobody's trouble but the operator's.
    pub(super) async fn write_calls(&self) {
        for (endpoint_id, (account_id, calls)) in self.calls().take() {
            if let Err(error) = self.write_calls_of(&account_id, &endpoint_id, &calls).await {
                tracing::warn!(endpoint.id = %endpoint_id, %error, "calls could not be logged");
            }
        }
    }

    async fn write_calls_of(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        calls: &VecDeque<Noted>,
    ) -> std::result::Result<(), StoreError> {
        let row = |number: usize| {
            let places: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", number * COLUMNS + column)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<String> = (0..calls.len()).map(row).collect();
        let sql = format!(
            "insert into endpoint_call (id, account_id, endpoint_id, by_usher, method, path, status, failure, duration_ms, at) values {}",
            rows.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for noted in calls {
            query = query
                .bind(noted.id.as_str())
                .bind(account_id.as_str())
                .bind(endpoint_id.as_str())
                .bind(i64::from(noted.by_usher))
                .bind(noted.call.method.as_str())
                .bind(noted.call.path.as_str())
                .bind(noted.call.status.map(i64::from))
                .bind(noted.call.failure)
                .bind(i64::try_from(noted.call.duration.as_millis()).unwrap_or(i64::MAX))
                .bind(noted.at);
        }
        let mut transaction = self.database().begin().await?;
        query.execute(&mut *transaction).await?;
        let sql = "delete from endpoint_call where account_id = $1 and endpoint_id = $2 and id not in
            (select id from endpoint_call where endpoint_id = $2 order by at desc, id desc limit $3)";
        sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(endpoint_id.as_str())
            .bind(i64::try_from(KEPT).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The newest calls of an endpoint, the newest first.
    pub(super) async fn calls_of_endpoint(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
    ) -> std::result::Result<Vec<EndpointCall>, StoreError> {
        // Those of this process are there at once.
        self.write_calls().await;
        let sql = "select by_usher, method, path, status, failure, duration_ms, at from endpoint_call
            where account_id = $1 and endpoint_id = $2 order by at desc, id desc limit $3";
        let rows = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(endpoint_id.as_str())
            .bind(SHOWN)
            .fetch_all(self.database().reader())
            .await?;
        let mut calls = Vec::with_capacity(rows.len());
        for row in &rows {
            calls.push(EndpointCall {
                by_usher: row.try_get::<i64, _>("by_usher")? != 0,
                method: row.try_get("method")?,
                path: row.try_get("path")?,
                status: row.try_get::<Option<i64>, _>("status")?.and_then(|status| u16::try_from(status).ok()),
                failure: row.try_get("failure")?,
                duration_ms: u64::try_from(row.try_get::<i64, _>("duration_ms")?).unwrap_or(0),
                at: rfc3339(row.try_get("at")?),
            });
        }
        Ok(calls)
    }
}
