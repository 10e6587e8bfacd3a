//! Changing the master key while several processes go on.

use std::collections::BTreeSet;

use model::view::Role;
use sqlx::Row;

use super::{Stage, admin, application::Application, application::segment, connect_form, connected, settings, stages};
use crate::{
    OpenError,
    hub::{Hub, sealed_columns},
    store::{dialect::Dialect, sealing::MasterKeys},
};

const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [9; 32];

async fn opened(stage: &Stage, current: [u8; 32], others: &[[u8; 32]]) -> Result<Hub, OpenError> {
    let master_keys = MasterKeys { current, others: others.to_vec() };
    let settings = crate::HubSettings { master_keys, ..settings(&stage.database, stage.folder.path()) };
    Hub::open(settings, stage.clock.clone()).await
}

#[tokio::test]
async fn the_key_changes_while_two_processes_go_on() {
    for stage in stages().await {
        let application = Application::start(vec![segment("1", "North")]).await;
        let ann = admin(&stage.hub, "ann@example.org").await;
        let first = connected(&stage.hub, &ann, "CRM", &application.url).await;
        let invitation = stage.hub.invite(&ann, "bob@example.org", Some(Role::Member)).await.expect("invites");
        let token = stage.hub.invitation_link(&ann, &invitation).await.expect("shows").token.expect("can be shown");
        let receipts = stage.hub.receipt_key();

        // One process seals with the new key already, the other still with the old one; each opens what the other seals.
        let ahead = opened(&stage, NEW, &[OLD]).await.expect("opens");
        let behind = opened(&stage, OLD, &[NEW]).await.expect("opens");
        let second = connected(&ahead, &ann, "Mail", &application.url).await;
        let third = connected(&behind, &ann, "Shop", &application.url).await;
        for hub in [&ahead, &behind] {
            for id in [&first, &second, &third] {
                hub.check_endpoint(&ann, id).await.expect("opens the credential");
            }
            assert_eq!(hub.receipt_key(), receipts, "receipts are signed as before");
        }
        let shown = ahead.invitation_link(&ann, &invitation).await.expect("shows");
        assert!(shown.token.is_some_and(|shown| shown == token), "the link is the same");

        let outcome = ahead.reseal().await.expect("reseals");
        assert!(outcome.unopenable.is_empty(), "{outcome:?}");
        assert!(outcome.resealed >= 3, "two credentials and the signing key: {outcome:?}");
        let again = ahead.reseal().await.expect("finds nothing to do");
        assert_eq!((again.resealed, again.current), (0, outcome.current), "{again:?}");

        // The old key is not needed any more.
        let after = opened(&stage, NEW, &[]).await.expect("opens");
        for id in [&first, &second, &third] {
            after.check_endpoint(&ann, id).await.expect("opens the credential");
        }
        assert_eq!(after.receipt_key(), receipts);
        let shown = after.invitation_link(&ann, &invitation).await.expect("shows what it can");
        assert!(shown.token.is_none(), "the link can't be made again");
        after.invited(&token).await.expect("but it works");
        let refused = opened(&stage, OLD, &[]).await.map(drop).expect_err("is not the key any more");
        assert!(refused.to_string().contains("master key is not the one"), "{refused}");
    }
}

#[tokio::test]
async fn what_no_key_opens_is_named_and_stays() {
    for stage in stages().await {
        let application = Application::start(vec![segment("1", "North")]).await;
        let ann = admin(&stage.hub, "ann@example.org").await;
        let id = connected(&stage.hub, &ann, "CRM", &application.url).await;
        sqlx::query("update endpoint set credential = $1")
            .bind(vec![1_u8; 60])
            .execute(stage.hub.database().writer())
            .await
            .expect("spoils it");
        let outcome = opened(&stage, NEW, &[OLD]).await.expect("opens").reseal().await.expect("reseals the others");
        assert_eq!(outcome.unopenable, [("endpoint", id.to_string())]);
        let form = connect_form("Mail", &application.url);
        stage.hub.connect_endpoint(&ann, form).await.expect("goes on");
    }
}

/// Columns of bytes that are not sealed with the master key.
const NOT_SEALED: [&str; 3] = ["user_session.data", "endpoint_answer.body", "application_logo.picture"];

#[tokio::test]
async fn every_column_of_bytes_is_either_resealed_or_known_not_to_be_sealed() {
    for stage in stages().await {
        let sql = match stage.hub.database().dialect() {
            Dialect::Sqlite => {
                "select m.name || '.' || c.name as name from sqlite_master m join pragma_table_info(m.name) c on 1 = 1
                 where m.type = 'table' and upper(c.type) = 'BLOB'"
            }
            Dialect::Postgres => {
                "select cast(table_name || '.' || column_name as text) as name from information_schema.columns
                 where table_schema = current_schema() and data_type = 'bytea'"
            }
        };
        let rows = sqlx::query(sql).fetch_all(stage.hub.database().reader()).await.expect("lists");
        let there: BTreeSet<String> = rows.iter().map(|row| row.get("name")).collect();
        let sealed = sealed_columns().map(|column| format!("{}.{}", column.table, column.column));
        let known: BTreeSet<String> = sealed.chain(NOT_SEALED.map(str::to_owned)).collect();
        assert_eq!(there, known, "say of a new column whether it is sealed: `SEALED` of its room, or here");
    }
}
