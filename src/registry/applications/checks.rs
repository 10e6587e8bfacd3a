//! What a person may enter about an application, form by form. Whatever is wrong is said at its input, all of it at once, and then nothing is kept.

use std::borrow::Cow;

use model::{
    application::{
        ApplicationUrls, Category, CredentialField, Credentials, Definition,
        form::{AboutForm, CredentialFieldForm, CredentialsForm, DeliveryForm, FieldForm, TypesForm, UrlsForm},
    },
    contract::{DeliveryOptions, JobMode, MAX_COLUMNS, Movement, PART_ROWS},
    error::{FieldProblem, HubError},
    field::{Field, FieldForm as ValueForm, FieldKind, FieldType},
    transform::Transform,
};
use url::Url;

use crate::{
    hub::Result,
    outbound::Outbound,
    registry::{connection::sentence, endpoints::parse_base_url},
};

pub(super) const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 2000;
const LONGEST_STEPS: usize = 20_000;
/// Columns with which Usher says in its own files what was wrong with a row.
const RESERVED_BEGINNING: &str = "_error_";
const MOST_CREDENTIAL_FIELDS: usize = 10;
/// A year of seconds could not be waited for; ten years of days are as good as for ever.
const LONGEST_LIFETIME_DAYS: u32 = 3650;
const MOST_ROWS_PER_SECOND: u64 = 10_000_000;

/// What is wrong with a form, while it is read.
#[derive(Default)]
pub(super) struct Problems(Vec<FieldProblem>);

impl Problems {
    pub(super) fn note(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldProblem::new(field, message));
    }

    /// The value, or what is wrong with it.
    fn take<T: Default>(&mut self, field: impl Into<String>, value: std::result::Result<T, String>) -> T {
        value.unwrap_or_else(|message| {
            self.note(field, message);
            T::default()
        })
    }

    /// Ok when nothing is wrong.
    pub(super) fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(HubError::Invalid { problems: self.0 }) }
    }
}

pub(super) fn name(text: &str) -> std::result::Result<String, String> {
    match text.trim() {
        "" => Err("Enter the application’s name.".to_owned()),
        text if text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) => {
            Err(format!("Use at most {LONGEST_NAME} ordinary characters."))
        }
        text => Ok(text.to_owned()),
    }
}

/// A text of several lines, which may be missing.
fn text(text: &str, longest: usize) -> std::result::Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        length if length > longest => {
            Err(format!("This has {length} characters; at most {longest} are possible. Shorten it."))
        }
        _ if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
            Err("This has characters that can’t be shown. Type it again.".to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}

/// What a field's label, description or example may be.
fn optional(given: &str, longest: usize) -> std::result::Result<Option<String>, String> {
    Ok(Some(text(given, longest)?).filter(|text| !text.is_empty()))
}

pub(super) fn about(definition: &mut Definition, form: &AboutForm) -> Result<()> {
    let mut problems = Problems::default();
    definition.name = problems.take("name", name(&form.name));
    definition.description = problems.take("description", text(&form.description, LONGEST_TEXT));
    definition.category = problems
        .take("category", Category::parse(&form.category).ok_or_else(|| "Choose what it is found under.".to_owned()));
    definition.support = problems.take("support", support(&form.support));
    problems.end()
}

fn support(text: &str) -> std::result::Result<Option<String>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_page = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.host().is_some());
    let is_email = text.contains('@') && Transform::NormaliseEmail.apply(Cow::Borrowed(text)).is_ok();
    if text.chars().count() <= 500 && (is_page || is_email) {
        return Ok(Some(text.to_owned()));
    }
    Err("Enter an e-mail address like help@example.org, or the address of a page like https://example.org/help."
        .to_owned())
}

pub(super) fn types(definition: &mut Definition, form: &TypesForm) -> Result<()> {
    let mut problems = Problems::default();
    let movement = |text: &str| match text {
        "" => Ok(None),
        "PULL" => Ok(Some(Movement::Pull)),
        "PUSH" => Ok(Some(Movement::Push)),
        _ => Err("Choose one of the ways.".to_owned()),
    };
    definition.producer = problems.take("producer", movement(&form.producer));
    definition.consumer = problems.take("consumer", movement(&form.consumer));
    if problems.0.is_empty() && definition.producer.is_none() && definition.consumer.is_none() {
        problems.note("producer", "Choose at least one way: it offers audiences, or takes them, or both.");
    }
    problems.end()?;
    if definition.consumer.is_none() {
        // What a destination can do is nothing that an application without one could be approved for.
        definition.delivery = None;
        definition.fields.clear();
    }
    Ok(())
}

pub(super) fn urls(outbound: &Outbound, definition: &mut Definition, form: &UrlsForm) -> Result<()> {
    let mut problems = Problems::default();
    let mut read = |field: &str, text: &str| {
        if text.trim().is_empty() {
            return None;
        }
        address(outbound, text, &definition.credential_fields).map_err(|message| problems.note(field, message)).ok()
    };
    // What stands in place of a path has no path below it but the contract's own.
    let without_slash = |address: String| address.trim_end_matches('/').to_owned();
    let urls = ApplicationUrls {
        base: read("base", &form.base),
        contact: read("contact", &form.contact).map(without_slash),
        endpoint: read("endpoint", &form.endpoint).map(without_slash),
        segments: read("segments", &form.segments).map(without_slash),
        jobs: read("jobs", &form.jobs).map(without_slash),
        health: read("health", &form.health).map(without_slash),
    };
    problems.end()?;
    definition.urls = urls;
    Ok(())
}

/// An address, in which `{name}` stands for what each account enters.
fn address(outbound: &Outbound, text: &str, fields: &[CredentialField]) -> std::result::Result<String, String> {
    let text = text.trim();
    let places = places(text)?;
    if let Some(unknown) = places.iter().find(|place| !fields.iter().any(|field| field.name == **place)) {
        return Err(format!(
            "“{{{unknown}}}” is no field that accounts are asked for. Add it at the step Credentials first, or write the address out."
        ));
    }
    if places.is_empty() {
        let url = parse_base_url(text)?;
        callable(outbound, &url)?;
        return Ok(url.to_string());
    }
    let mut filled = text.to_owned();
    for place in &places {
        filled = filled.replace(&format!("{{{place}}}"), "x");
    }
    let url = parse_base_url(&filled)?;
    callable(outbound, &url).map_err(|refusal| format!("With a value filled in: {refusal}"))?;
    // As it was typed: the places would not survive being parsed.
    Ok(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

/// The names between braces.
fn places(text: &str) -> std::result::Result<Vec<String>, String> {
    let mut places = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find('{') {
        let (name, after) = rest[begin + 1..]
            .split_once('}')
            .ok_or_else(|| "A “{” is not closed. Write for instance https://{region}.example.org/.".to_owned())?;
        places.push(name.to_owned());
        rest = after;
    }
    Ok(places)
}

pub(super) fn field(definition: &mut Definition, form: &FieldForm) -> Result<()> {
    let mut problems = Problems::default();
    let name = form.name.trim();
    if let Err(message) = field_name(name) {
        problems.note("field_name", message);
    }
    let others = definition.fields.iter().filter(|field| form.before.is_empty() || field.name != form.before);
    if others.clone().any(|field| same_name(&field.name, name)) {
        problems
            .note("field_name", format!("There is a field “{name}” already. Choose another name, or change that one."));
    }
    if others.count() >= MAX_COLUMNS {
        problems.note("field_name", format!("An application has at most {MAX_COLUMNS} fields. Remove one first."));
    }
    let kind = match form.kind.as_str() {
        "identifier" => FieldKind::Identifier,
        "attribute" => FieldKind::Attribute,
        _ => {
            problems.note("kind", "Choose whether it says who somebody is, or what is known of them.");
            FieldKind::Attribute
        }
    };
    let field_type = match serde_json::from_value(serde_json::Value::String(form.field_type.clone())) {
        Ok(FieldType::Other) | Err(_) => {
            problems.note("field_type", "Choose the type of its values.");
            FieldType::String
        }
        Ok(field_type) => field_type,
    };
    let form_of_values: ValueForm = match serde_json::from_value(serde_json::Value::String(form.form.clone())) {
        Ok(form) => form,
        Err(_) => {
            problems.note("form", "Choose in which form its values are written.");
            ValueForm::Raw
        }
    };
    let label = problems.take("label", optional(&form.label, LONGEST_NAME));
    let description = problems.take("field_description", optional(&form.description, 500));
    let example = problems.take("example", optional(&form.example, 200));
    problems.end()?;
    let known = definition.fields.iter().position(|field| !form.before.is_empty() && field.name == form.before);
    let new = Field {
        name: name.to_owned(),
        label,
        kind,
        field_type,
        required: form.need == "required",
        recommended: form.need == "recommended",
        form: form_of_values,
        description,
        example,
        preset: known.and_then(|place| definition.fields[place].preset),
    };
    match known {
        Some(place) => definition.fields[place] = new,
        None => definition.fields.push(new),
    }
    Ok(())
}

/// Columns are told apart without regard to case: spreadsheets and databases do.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// What a column may be called; in any script.
pub(super) fn field_name(name: &str) -> std::result::Result<(), String> {
    if name.is_empty() {
        return Err("Enter the column’s name, as it stands in the header.".to_owned());
    }
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!("A column’s name has at most {LONGEST_NAME} ordinary characters."));
    }
    if name.to_lowercase().starts_with(RESERVED_BEGINNING) {
        return Err(format!(
            "Names that begin with “{RESERVED_BEGINNING}” are Usher’s own: it says with them what was wrong with a row. Choose another name."
        ));
    }
    Ok(())
}

pub(super) fn delivery(definition: &mut Definition, form: &DeliveryForm) -> Result<()> {
    let mut problems = Problems::default();
    let modes: Vec<JobMode> =
        [(&form.add, JobMode::Add), (&form.replace, JobMode::Replace), (&form.remove, JobMode::Remove)]
            .into_iter()
            .filter(|(ticked, _)| !ticked.is_empty())
            .map(|(_, mode)| mode)
            .collect();
    let (new_segment, existing_segment) = (!form.new_segment.is_empty(), !form.existing_segment.is_empty());
    if modes.is_empty() {
        problems.note("add", "Choose at least one way in which a segment can be changed.");
    } else if !new_segment && !existing_segment {
        problems.note("new_segment", "Choose at least one: new segments, existing ones, or both.");
    } else if modes == [JobMode::Remove] && !existing_segment {
        problems.note(
            "existing_segment",
            "People can only be removed from a segment that exists. Choose existing segments, too.",
        );
    }
    let rows_per_part = problems.take("rows_per_part", number(&form.rows_per_part, PART_ROWS));
    let rows_per_second = problems.take("rows_per_second", number(&form.rows_per_second, MOST_ROWS_PER_SECOND));
    let days = problems.take("member_lifetime_days", number(&form.member_lifetime_days, LONGEST_LIFETIME_DAYS.into()));
    problems.end()?;
    definition.delivery = Some(DeliveryOptions {
        modes,
        new_segment,
        existing_segment,
        rows_per_part,
        rows_per_second,
        member_lifetime_days: days.and_then(|days| u32::try_from(days).ok()),
    });
    Ok(())
}

/// A number from 1 on, or nothing.
fn number(text: &str, most: u64) -> std::result::Result<Option<u64>, String> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
            _ => Err(format!("Enter a whole number from 1 to {most}, or nothing.")),
        },
    }
}

/// Reads the credential mode. What stands in inputs of other modes is not kept.
pub(super) fn credentials(outbound: &Outbound, definition: &mut Definition, form: &CredentialsForm) -> Result<()> {
    let mut problems = Problems::default();
    let mut server = |field: &'static str, text: &str| match authorisation_address(outbound, text) {
        Ok(address) => address,
        Err(message) => {
            problems.note(field, message);
            String::new()
        }
    };
    let credentials = match form.mode.as_str() {
        "key" => Some(Credentials::Key),
        "basic" => Some(Credentials::Basic),
        "client_credentials" => {
            Some(Credentials::ClientCredentials { token_url: server("token_url", &form.token_url), scopes: Vec::new() })
        }
        "authorization_code" => Some(Credentials::AuthorizationCode {
            authorization_url: server("authorization_url", &form.authorization_url),
            token_url: server("token_url", &form.token_url),
            client_id: form.client_id.trim().to_owned(),
            scopes: Vec::new(),
        }),
        "instructions" => Some(Credentials::Instructions { steps: String::new() }),
        _ => None,
    };
    let mut credentials = credentials.unwrap_or_else(|| {
        problems.note("mode", "Choose how an account gives Usher what it calls the application with.");
        Credentials::Key
    });
    match &mut credentials {
        Credentials::Key | Credentials::Basic => {}
        Credentials::ClientCredentials { scopes, .. } => *scopes = problems.take("scopes", self::scopes(&form.scopes)),
        Credentials::AuthorizationCode { scopes, client_id, .. } => {
            *scopes = problems.take("scopes", self::scopes(&form.scopes));
            if client_id.is_empty() {
                problems.note("client_id", "Enter the client id that your authorisation server knows Usher by.");
            } else if client_id.len() > 500 || !client_id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                problems.note("client_id", "A client id has at most 500 letters, digits and signs.");
            }
            let secret = form.client_secret.trim();
            if secret.len() > 1000 || !secret.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                problems.note(
                    "client_secret",
                    "A client secret has at most 1000 letters, digits and signs. Copy it again.",
                );
            }
        }
        Credentials::Instructions { steps } => {
            *steps = problems.take("steps", text(&form.steps, LONGEST_STEPS));
            if steps.is_empty() && form.steps.trim().is_empty() {
                problems.note("steps", "Write the steps that an admin follows in your application.");
            }
        }
    }
    let help = problems.take("help", text(&form.help, LONGEST_TEXT));
    let fields = credential_fields(&mut problems, &form.fields);
    let left_out = definition.credential_fields.iter().find(|before| {
        let is_used = |address: &Option<String>| {
            address.as_ref().is_some_and(|address| address.contains(&format!("{{{}}}", before.name)))
        };
        let urls = &definition.urls;
        !fields.iter().any(|field| field.name == before.name)
            && [&urls.base, &urls.contact, &urls.endpoint, &urls.segments, &urls.jobs, &urls.health]
                .into_iter()
                .any(is_used)
    });
    if let Some(field) = left_out {
        let message =
            format!("“{{{}}}” stands in an address. Change the address at the step Addresses first.", field.name);
        problems.note("fields", message);
    }
    problems.end()?;
    definition.credentials = credentials;
    definition.credential_help = help;
    definition.credential_fields = fields;
    Ok(())
}

fn credential_fields(problems: &mut Problems, forms: &[CredentialFieldForm]) -> Vec<CredentialField> {
    let mut fields: Vec<CredentialField> = Vec::new();
    for (place, form) in forms.iter().enumerate() {
        let (name, label, header) = (form.name.trim(), form.label.trim(), form.header.trim());
        if name.is_empty() && label.is_empty() {
            continue;
        }
        let at = |input: &str| format!("fields-{place}-{input}");
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > 50 || !name.bytes().all(is_name) {
            problems.note(
                at("name"),
                "Use 1 to 50 lower-case letters, digits and underscores, for instance account_number.",
            );
        } else if fields.iter().any(|field| field.name == name) {
            problems.note(at("name"), format!("There are two fields “{name}”. Choose another name for one."));
        }
        if label.is_empty() || label.chars().count() > LONGEST_NAME || label.chars().any(char::is_control) {
            problems.note(
                at("label"),
                format!("Enter what admins read above the input, at most {LONGEST_NAME} characters."),
            );
        }
        if let Some(message) = unfit_header(header) {
            problems.note(at("header"), message);
        }
        let help = problems.take(at("help"), text(&form.help, 500));
        fields.push(CredentialField {
            name: name.to_owned(),
            label: label.to_owned(),
            secret: !form.secret.is_empty(),
            required: !form.required.is_empty(),
            help,
            header: Some(header.to_owned()).filter(|header| !header.is_empty()),
        });
    }
    if fields.len() > MOST_CREDENTIAL_FIELDS {
        problems.note("fields", format!("At most {MOST_CREDENTIAL_FIELDS} fields are possible."));
    }
    fields
}

/// Why a value can't be sent in this header. Those that say how a request is to be read are not an application's to set.
fn unfit_header(header: &str) -> Option<String> {
    if header.is_empty() {
        return None;
    }
    let is_token = header.len() <= 100 && header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_token {
        return Some("A header’s name has letters, digits and hyphens, for instance X-Account.".to_owned());
    }
    let lower = header.to_ascii_lowercase();
    let taken = [
        "authorization",
        "host",
        "cookie",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "content-digest",
        "transfer-encoding",
        "te",
        "upgrade",
        "expect",
        "range",
        "if-range",
        "idempotency-key",
        "accept-encoding",
    ];
    (taken.contains(&lower.as_str()) || lower.starts_with("proxy-"))
        .then(|| format!("Usher sets {header} itself. Choose another header."))
}

fn authorisation_address(outbound: &Outbound, text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Enter its address, for instance https://login.example.org/oauth/token.".to_owned());
    }
    // A query is possible here (RFC 6749, 3.1 and 3.2), a fragment is not.
    let url = Url::parse(text).map_err(|_| "This is not an address. It begins with https://.".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || url.fragment().is_some() || text.len() > 500
    {
        return Err("The address must begin with https:// and have no “#”.".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Leave the user name and password out of the address.".to_owned());
    }
    callable(outbound, &url)?;
    Ok(url.to_string())
}

/// Refuses an address that Usher may not connect to, with what can be done about it.
pub(super) fn callable(outbound: &Outbound, url: &Url) -> std::result::Result<(), String> {
    outbound.may_call(url).map_err(|error| sentence(&error))
}

/// Scopes between spaces (RFC 6749, 3.3).
fn scopes(text: &str) -> std::result::Result<Vec<String>, String> {
    let scopes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let is_fit = |scope: &String| scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if text.len() <= 1000 && scopes.iter().all(is_fit) {
        return Ok(scopes);
    }
    Err("Scopes are words of letters, digits and signs with spaces between them, for instance audiences.read jobs.write.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::{AddressGuard, Timeouts};

    fn outbound() -> Outbound {
        Outbound::new(AddressGuard::default(), Timeouts::default()).expect("builds")
    }

    fn named(name: &str) -> FieldForm {
        FieldForm {
            name: name.to_owned(),
            kind: "identifier".to_owned(),
            field_type: "email".to_owned(),
            form: "raw".to_owned(),
            ..FieldForm::default()
        }
    }

    #[test]
    fn addresses_that_are_none_or_point_inside_are_said_at_their_inputs() {
        let mut definition = Definition::default();
        let form = UrlsForm {
            base: "crm.example.org".to_owned(),
            contact: "http://127.0.0.1/hook".to_owned(),
            segments: "https://{shop}.example.org/".to_owned(),
            jobs: "https://ada:secret@example.org/".to_owned(),
            health: "https://exa{mple.org/".to_owned(),
            endpoint: "http://[::1]/".to_owned(),
        };
        let error = urls(&outbound(), &mut definition, &form).expect_err("is refused");
        for field in ["base", "contact", "segments", "jobs", "health", "endpoint"] {
            assert!(error.problem_of(field).is_some(), "{field}");
        }
        assert_eq!(definition, Definition::default(), "nothing is half kept");
        assert!(!error.to_string().contains("secret"));
        definition.credential_fields = vec![CredentialField { name: "shop".to_owned(), ..CredentialField::default() }];
        let form = UrlsForm {
            base: "https://{shop}.example.org/usher".to_owned(),
            jobs: "https://jobs.example.org/v1/jobs/".to_owned(),
            ..UrlsForm::default()
        };
        urls(&outbound(), &mut definition, &form).expect("is taken");
        assert_eq!(definition.urls.base.as_deref(), Some("https://{shop}.example.org/usher/"));
        assert_eq!(definition.urls.jobs.as_deref(), Some("https://jobs.example.org/v1/jobs"));
    }

    #[test]
    fn why_an_address_may_not_be_called_is_said_with_the_remedy() {
        let problem = |base: &str| {
            let form = UrlsForm { base: base.to_owned(), ..UrlsForm::default() };
            let error = urls(&outbound(), &mut Definition::default(), &form).expect_err("is refused");
            error.problem_of("base").expect("at its input").to_owned()
        };
        let plain = problem("http://93.184.216.34/");
        for word in ["https://", "USHER_ALLOW_HTTP", "USHER_ALLOW_NETWORKS"] {
            assert!(plain.contains(word), "{plain}");
        }
        assert!(!plain.contains("not public"), "{plain}");
        let private = problem("https://10.0.0.1/");
        assert!(private.contains("not public") && private.contains("USHER_ALLOW_NETWORKS"), "{private}");
        let mut shops = Definition {
            credential_fields: vec![CredentialField { name: "shop".to_owned(), ..CredentialField::default() }],
            ..Definition::default()
        };
        let form = UrlsForm { base: "http://93.184.216.34/{shop}".to_owned(), ..UrlsForm::default() };
        let error = urls(&outbound(), &mut shops, &form).expect_err("is refused");
        assert!(error.problem_of("base").is_some_and(|told| told.contains("https://")), "{error:?}");
        let form = CredentialsForm {
            mode: "client_credentials".to_owned(),
            token_url: "http://93.184.216.34/token".to_owned(),
            ..CredentialsForm::default()
        };
        let error = credentials(&outbound(), &mut Definition::default(), &form).expect_err("is refused");
        assert!(error.problem_of("token_url").is_some_and(|told| told.contains("https://")), "{error:?}");
    }

    #[test]
    fn a_field_has_a_name_of_its_own_in_any_script_that_is_not_ushers() {
        let mut definition = Definition::default();
        for name in ["email", "adresse_é", "電話", "имя", "a b"] {
            field(&mut definition, &named(name)).expect(name);
        }
        for wrong in ["", "Email", "_error_code", "a\u{0}b", &"x".repeat(101)] {
            let error = field(&mut definition, &named(wrong)).expect_err(wrong);
            assert!(error.problem_of("field_name").is_some(), "{wrong}");
        }
        let changed = FieldForm { before: "email".to_owned(), need: "required".to_owned(), ..named("EMAIL") };
        field(&mut definition, &changed).expect("its own name is no duplicate");
        assert!(definition.fields[0].required && definition.fields[0].name == "EMAIL");
    }

    #[test]
    fn only_what_the_mode_needs_is_asked_for_and_kept() {
        let mut definition = Definition::default();
        let form = CredentialsForm { mode: "authorization_code".to_owned(), ..CredentialsForm::default() };
        let error = credentials(&outbound(), &mut definition, &form).expect_err("is refused");
        for field in ["authorization_url", "token_url", "client_id"] {
            assert!(error.problem_of(field).is_some(), "{field}");
        }
        let form = CredentialsForm {
            mode: "client_credentials".to_owned(),
            token_url: "https://login.example.org/token?tenant=1".to_owned(),
            scopes: "audiences.read  jobs".to_owned(),
            steps: "Not of this mode".to_owned(),
            fields: vec![
                CredentialFieldForm {
                    name: "account".to_owned(),
                    label: "Account number".to_owned(),
                    header: "X-Account".to_owned(),
                    ..CredentialFieldForm::default()
                },
                CredentialFieldForm::default(),
            ],
            ..CredentialsForm::default()
        };
        credentials(&outbound(), &mut definition, &form).expect("is taken");
        let token_url = "https://login.example.org/token?tenant=1".to_owned();
        let scopes = vec!["audiences.read".to_owned(), "jobs".to_owned()];
        assert_eq!(definition.credentials, Credentials::ClientCredentials { token_url, scopes });
        assert_eq!(definition.credential_fields.len(), 1);
        let mut form = form;
        form.fields[0].header = "Authorization".to_owned();
        let error = credentials(&outbound(), &mut definition, &form).expect_err("is refused");
        assert!(error.problem_of("fields-0-header").is_some(), "{error:?}");
    }
}
