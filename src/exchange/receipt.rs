//! The receipt: the final account of a run, written only when it adds up, signed by the installation, and verified later.

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    count::grouped,
    run::{FailureCode, Gap, Receipt, ReceiptSignature, RunEvent},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    carrier::{Carrier, count_ended},
    ledger::book,
    records::{PartRow, left_empty, left_out, parts},
    runs::HeldError,
    stop::Stop,
};
use crate::store::{
    clock::rfc3339,
    signing::{PublicKey, Signing},
};

const ALGORITHM: &str = "Ed25519";
/// The member of the receipt that is not itself signed.
const SIGNATURE: &str = "signature";

/// Why a receipt is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// It is no receipt at all.
    #[error("this is not a receipt of Usher: {0}")]
    NoReceipt(String),
    /// It has no signature.
    #[error("the receipt is not signed: it was written before there were signatures, or the signature was taken away")]
    NotSigned,
    /// The signature is of a kind that is not known.
    #[error("the receipt is signed with {0}, which is not known here; a newer Usher may know it")]
    UnknownAlgorithm(String),
    /// Another installation has signed it, or says so.
    #[error("the receipt names another installation's key: {0}")]
    AnotherKey(String),
    /// It is not what was signed.
    #[error("the receipt is not what was signed: something in it was changed")]
    Changed,
    /// It is what was signed, but does not add up.
    #[error("the receipt was signed, but does not add up: {0}")]
    Gap(Gap),
}

/// What is signed: the receipt without its signature, in the canonical form of RFC 8785. A receipt has no other numbers than whole ones, and plain
/// names, so that this is its members in order, without a blank.
fn canonical(mut receipt: Value) -> String {
    if let Value::Object(members) = &mut receipt {
        members.remove(SIGNATURE);
    }
    receipt.to_string()
}

fn sign(receipt: &mut Receipt, signing: &Signing) -> Result<(), serde_json::Error> {
    receipt.signature = None;
    let text = canonical(serde_json::to_value(&*receipt)?);
    receipt.signature = Some(ReceiptSignature {
        algorithm: ALGORITHM.to_owned(),
        key: signing.public_key().to_string(),
        value: STANDARD.encode(signing.sign(text.as_bytes())),
    });
    Ok(())
}

/// The receipt in this JSON text, when the other half of `key` has signed it as it stands and it adds up.
///
/// # Errors
/// Why it is not believed.
pub fn verify_receipt(text: &str, key: &PublicKey) -> Result<Receipt, NotGenuine> {
    let no_receipt = |error: serde_json::Error| NotGenuine::NoReceipt(error.to_string());
    let value: Value = serde_json::from_str(text).map_err(no_receipt)?;
    // As it was written, with members that this version may not know.
    let signed = canonical(value.clone());
    let receipt: Receipt = serde_json::from_value(value).map_err(no_receipt)?;
    let signature = receipt.signature.as_ref().ok_or(NotGenuine::NotSigned)?;
    if signature.algorithm != ALGORITHM {
        return Err(NotGenuine::UnknownAlgorithm(signature.algorithm.chars().take(40).collect()));
    }
    if PublicKey::parse(&signature.key) != Some(*key) {
        return Err(NotGenuine::AnotherKey(signature.key.chars().take(64).collect()));
    }
    let bytes = STANDARD.decode(&signature.value).map_err(|_| NotGenuine::Changed)?;
    if !key.has_signed(signed.as_bytes(), &bytes) {
        return Err(NotGenuine::Changed);
    }
    receipt.check().map_err(NotGenuine::Gap)?;
    Ok(receipt)
}

/// SHA-256 over the parts' digests in order, lower-case hexadecimal; none when a part's digest is not one.
fn digest_of(parts: &[PartRow]) -> Option<String> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(hex::decode(&part.sha256).ok()?);
    }
    Some(hex::encode(hasher.finalize()))
}

impl Carrier {
    /// Writes the receipt and ends the run well, or fails it when the account does not add up.
    pub(super) async fn finish(&mut self) -> Result<(), Stop> {
        let database = self.hub.database();
        let sent = parts(database, &self.run.id, None).await.map_err(|error| self.store_failed(error))?;
        let left_out = left_out(database, &self.run.id).await.map_err(|error| self.store_failed(error))?;
        let left_empty = left_empty(database, &self.run.id).await.map_err(|error| self.store_failed(error))?;
        let sha256 = digest_of(&sent).ok_or_else(|| self.internal("a part's digest can't be read"))?;
        let settled = self.settle_finished().await?;
        let plan = &self.run.plan;
        let mut change = self.held.begin().await?;
        let counts = change.counts().await?;
        let mut receipt = Receipt {
            run_id: self.run.id.to_string(),
            share_id: self.run.share_id.to_string(),
            source: format!("{} ({})", plan.audience_name, plan.source_name),
            destination: format!("{} ({})", plan.destination.segment.name(), plan.destination.endpoint_name),
            mode: plan.mode,
            mapping_version: self.run.mapping_version,
            started_at: rfc3339(self.run.started_at.unwrap_or(self.run.created_at)),
            finished_at: rfc3339(change.now),
            counts,
            left_out,
            left_empty,
            parts: self.run.parts,
            sha256: sha256.clone(),
            signature: None,
        };
        if let Err(gap) = receipt.check() {
            let code = match gap.left_name.as_str() {
                "declared" | "read" => FailureCode::SourceMismatch,
                _ => FailureCode::AcknowledgementMismatch,
            };
            drop(change);
            return Err(self.failed(code, &format!("The account does not add up: {gap}."), false));
        }
        let rejects = counts.rejected + counts.refused;
        sign(&mut receipt, self.hub.signing()).map_err(|error| self.internal(&error.to_string()))?;
        let text = serde_json::to_string(&receipt).map_err(|error| self.internal(&error.to_string()))?;
        change.set_receipt(&text, &sha256).await?;
        let (event, word) = match rejects {
            0 => (RunEvent::Finished, "Complete.".to_owned()),
            1 => (RunEvent::FinishedWithRejects, "Complete; 1 row was left out and is in the rejects.".to_owned()),
            more => (
                RunEvent::FinishedWithRejects,
                format!("Complete; {} rows were left out and are in the rejects.", grouped(more)),
            ),
        };
        change.note(&word).await?;
        if let Some(settled) = &settled {
            book::replace(&mut change.transaction, settled, change.now).await.map_err(HeldError::Store)?;
        }
        change.ledger_told().await?;
        let state = change.step(event).await?;
        change.commit().await?;
        if let Some(settled) = &settled {
            self.ledger_replaced(settled).await;
        }
        self.moved_to(state);
        self.run.counts = counts;
        count_ended(state);
        tracing::info!(
            run.id = %self.run.id,
            state = state.as_str(),
            rows_read = counts.read,
            rows_acknowledged = counts.acknowledged,
            rows_left_out = rejects,
            parts = self.run.parts,
            "run ended"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{
        reject::RejectCode,
        run::{Mode, RejectGroup, RunCounts},
    };

    use super::*;

    fn receipt() -> Receipt {
        let counts = RunCounts {
            declared: Some(3),
            read: 3,
            valid: 2,
            rejected: 1,
            sent: 2,
            acknowledged: 2,
            ..RunCounts::default()
        };
        let group = RejectGroup {
            code: RejectCode::InvalidEmail,
            destination_code: None,
            field: Some("email".to_owned()),
            reason: "Not an e-mail address: no \u{201c}@\u{201d}.\n".to_owned(),
            rows: 1,
        };
        Receipt {
            run_id: "run_1".to_owned(),
            share_id: "shr_1".to_owned(),
            source: "All people (Harbor CRM)".to_owned(),
            destination: "News (Beacon Mail)".to_owned(),
            mode: Mode::Add,
            mapping_version: 1,
            started_at: "2027-03-28T09:30:00.000Z".to_owned(),
            finished_at: "2027-03-28T09:31:00.000Z".to_owned(),
            counts,
            left_out: vec![group],
            left_empty: Vec::new(),
            parts: 1,
            sha256: "00".repeat(32),
            signature: None,
        }
    }

    fn signed(receipt: &Receipt) -> String {
        let mut receipt = receipt.clone();
        sign(&mut receipt, &Signing::new(&[7; 32])).expect("signs");
        serde_json::to_string(&receipt).expect("is JSON")
    }

    /// What others have to make of a receipt to verify it by themselves: this must never change.
    #[test]
    fn what_is_signed_is_canonical() {
        let text = canonical(serde_json::to_value(receipt()).expect("is JSON"));
        let expected = concat!(
            r#"{"counts":{"acknowledged":2,"bytes_read":0,"bytes_sent":0,"declared":3,"read":3,"refused":0,"rejected":1,"sent":2,"valid":2},"#,
            r#""destination":"News (Beacon Mail)","finished_at":"2027-03-28T09:31:00.000Z","left_empty":[],"left_out":[{"code":"invalid_email","#,
            "\"destination_code\":null,\"field\":\"email\",\"reason\":\"Not an e-mail address: no \u{201c}@\u{201d}.\\n\",\"rows\":1}],",
            r#""mapping_version":1,"mode":"add","parts":1,"run_id":"run_1","sha256":"0000000000000000000000000000000000000000000000000000000000000000","#,
            r#""share_id":"shr_1","source":"All people (Harbor CRM)","started_at":"2027-03-28T09:30:00.000Z"}"#,
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_receipt_is_believed_as_it_was_written_and_not_otherwise() {
        let key = Signing::new(&[7; 32]).public_key();
        let text = signed(&receipt());
        let genuine = verify_receipt(&text, &key).expect("is genuine");
        assert_eq!(Receipt { signature: None, ..genuine }, receipt());
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).expect("is JSON"));
        verify_receipt(&pretty.expect("is JSON"), &key).expect("how it is laid out does not matter");
        for (from, to) in [
            (r#""acknowledged":2"#, r#""acknowledged":1"#),
            ("Beacon", "Bacon"),
            ("09:31", "09:32"),
            (r#""parts":1"#, r#""parts":2"#),
            (r#""mode":"add""#, r#""mode":"add","more":1"#),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(verify_receipt(&changed, &key), Err(NotGenuine::Changed), "{to}");
        }
        let other = Signing::new(&[8; 32]).public_key();
        assert!(matches!(verify_receipt(&text, &other), Err(NotGenuine::AnotherKey(_))));
        // To name our key is not to have it.
        let forged = text.replacen(&key.to_string(), &other.to_string(), 1);
        assert_eq!(verify_receipt(&forged, &other), Err(NotGenuine::Changed));
        let unsigned = serde_json::to_string(&receipt()).expect("is JSON");
        assert_eq!(verify_receipt(&unsigned, &key), Err(NotGenuine::NotSigned));
        assert!(matches!(verify_receipt("{}", &key), Err(NotGenuine::NoReceipt(_))));
        assert!(matches!(verify_receipt("", &key), Err(NotGenuine::NoReceipt(_))));
        let mut gap = receipt();
        gap.counts.sent = 1;
        assert!(matches!(verify_receipt(&signed(&gap), &key), Err(NotGenuine::Gap(_))));
        // A later version may say more; what it says is signed too.
        let mut later: Value = serde_json::to_value(receipt()).expect("is JSON");
        later["more"] = Value::from("something");
        let signature = Signing::new(&[7; 32]).sign(canonical(later.clone()).as_bytes());
        later["signature"] = serde_json::json!({
            "algorithm": "Ed25519", "key": key.to_string(), "value": STANDARD.encode(signature),
        });
        verify_receipt(&later.to_string(), &key).expect("is genuine");
    }
}
