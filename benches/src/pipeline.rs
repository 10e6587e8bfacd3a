//! The pipeline of a run: rows of about 120 bytes and ten columns, of which eight are mapped; the e-mail address is normalised and hashed, and so is
//! the telephone number, either as trimmed text or as E.164 by the numbering plans, which alone costs more than all the rest.

use std::borrow::Cow;

use anyhow::Context;
use bytes::Bytes;
use model::{
    field::{Field, FieldForm, FieldKind, FieldType},
    mapping::{Link, Mapping, Source},
    transform::Transform,
};
use sha2::{Digest, Sha256};

use crate::{cost::processor_time, line};

const CHUNK: usize = 256 * 1024;
const PART: usize = 8 << 20;
const COLUMNS: [&str; 10] = [
    "customer_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "city",
    "postal_code",
    "country",
    "lifetime_value",
    "last_purchase",
];

/// Runs the yardstick and the pipeline in turns, and prints what each costs.
pub fn measure(rows: u64) -> anyhow::Result<()> {
    let source = audience(rows);
    let chunks: Vec<Bytes> =
        (0..source.len()).step_by(CHUNK).map(|at| source.slice(at..source.len().min(at + CHUNK))).collect();
    line(&format!("{rows} rows, {} bytes a row", source.len() as u64 / rows));
    let as_text = mapping(&[Transform::Trim, Transform::Sha256Hex]);
    compare(&source, &chunks, rows, &as_text, "telephone numbers as text")?;
    let as_e164 = mapping(&[Transform::PhoneE164 { default_country: None }, Transform::Sha256Hex]);
    compare(&source, &chunks, rows, &as_e164, "telephone numbers as E.164")
}

fn compare(source: &Bytes, chunks: &[Bytes], rows: u64, mapping: &Mapping, what: &str) -> anyhow::Result<()> {
    line(&format!("{what}:"));
    let (mut best_plain, mut best) = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        let begun = processor_time("self")?;
        let sent = plain(source, mapping)?;
        best_plain = best_plain.min((processor_time("self")? - begun).as_secs_f64());
        anyhow::ensure!(sent == rows, "the plain loop made {sent} rows");

        let begun = processor_time("self")?;
        let reading =
            hub::exchange::measure::read(mapping.clone(), destination(), chunks, 0).map_err(anyhow::Error::msg)?;
        best = best.min((processor_time("self")? - begun).as_secs_f64());
        anyhow::ensure!(reading.valid == rows, "the pipeline made {reading:?}");
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (rows, megabytes) = (rows as f64, source.len() as f64 / 1e6);
    for (name, seconds) in [("a plain loop over the csv crate", best_plain), ("the pipeline, sealed as well", best)] {
        line(&format!("  {name}: {seconds:.3} s, {:.0} rows/s, {:.0} MB/s", rows / seconds, megabytes / seconds));
    }
    line(&format!("  ratio: the pipeline is {:.2} times as fast", best_plain / best));
    Ok(())
}

fn audience(rows: u64) -> Bytes {
    let mut text = COLUMNS.join(",").into_bytes();
    text.extend_from_slice(b"\r\n");
    for number in 0..rows {
        let mixed = (number * 2_654_435_761) & 0x7fff_ffff;
        let name = ["abcdefg", "bcdefghi", "cdef", "defghijkl"][(mixed % 4) as usize];
        let row = format!(
            "C{number:09},Person.{number}@Example-{}.org,+4930{:08},Zoë{name},O'Neill-{name},Stadt am Fluß {},{:05},DE,{}.{:02},202{}-{:02}-{:02}\r\n",
            mixed % 977,
            mixed % 100_000_000,
            mixed % 400,
            mixed % 99_999,
            mixed % 9_000,
            mixed % 100,
            mixed % 6,
            1 + mixed % 12,
            1 + mixed % 28,
        );
        text.extend_from_slice(row.as_bytes());
    }
    text.into()
}

fn destination() -> Vec<Field> {
    let field = |name: &str, kind, field_type| Field::new(name, kind, field_type);
    let hashed = |field: Field| Field { form: FieldForm::Sha256Hex, ..field };
    vec![
        hashed(field("email", FieldKind::Identifier, FieldType::Email)).required(),
        hashed(field("phone", FieldKind::Identifier, FieldType::Phone)),
        field("external_id", FieldKind::Identifier, FieldType::CustomerId),
        field("first_name", FieldKind::Attribute, FieldType::String),
        field("last_name", FieldKind::Attribute, FieldType::String),
        field("postal_code", FieldKind::Attribute, FieldType::PostalCode),
        field("country", FieldKind::Attribute, FieldType::Country),
        field("last_purchase", FieldKind::Attribute, FieldType::Date),
    ]
}

fn mapping(phone: &[Transform]) -> Mapping {
    let link = |target: &str, source: &str, transforms: &[Transform]| Link {
        target: target.to_owned(),
        source: Source::Field { name: source.to_owned() },
        transforms: transforms.to_vec(),
    };
    Mapping {
        links: vec![
            link("email", "email", &[Transform::NormaliseEmail, Transform::Sha256Hex]),
            link("phone", "phone", phone),
            link("external_id", "customer_id", &[]),
            link("first_name", "first_name", &[Transform::Trim]),
            link("last_name", "last_name", &[Transform::Trim]),
            link("postal_code", "postal_code", &[]),
            link("country", "country", &[]),
            link("last_purchase", "last_purchase", &[]),
        ],
    }
}

/// The same without Usher: each row read, made and written by the csv crate, each part of 8 MiB hashed. Its rows are not checked.
fn plain(source: &[u8], mapping: &Mapping) -> anyhow::Result<u64> {
    let mut reader = csv::ReaderBuilder::new().from_reader(source);
    let header = reader.headers()?.clone();
    let place = |link: &Link| match &link.source {
        Source::Field { name } => header.iter().position(|column| column == name).context("a column is missing"),
        Source::Joined { .. } | Source::Constant { .. } => anyhow::bail!("one field for each value here"),
    };
    let places: Vec<usize> = mapping.links.iter().map(place).collect::<Result<_, _>>()?;
    let mut record = csv::StringRecord::new();
    let new_writer =
        || csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::with_capacity(PART));
    let mut writer = new_writer();
    let (mut rows, mut rows_of_part, mut digests) = (0, 0_u64, Vec::new());
    while reader.read_record(&mut record)? {
        for (link, place) in mapping.links.iter().zip(&places) {
            let mut value = Cow::Borrowed(&record[*place]);
            for transform in &link.transforms {
                value = transform.apply(value)?;
            }
            writer.write_field(value.as_bytes())?;
        }
        writer.write_record(None::<&[u8]>)?;
        rows += 1;
        rows_of_part += 1;
        if rows_of_part == 32_768 {
            rows_of_part = 0;
            digests.push(Sha256::digest(std::mem::replace(&mut writer, new_writer()).into_inner()?));
        }
    }
    digests.push(Sha256::digest(writer.into_inner()?));
    std::hint::black_box(digests);
    Ok(rows)
}
