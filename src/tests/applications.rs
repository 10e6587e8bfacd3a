//! Applications that people define: drafts step by step, review, versions, and who may do what.

use model::{
    application::{
        ApplicationEvent, Credentials, DriveState, Verdict, VersionState,
        form::{AboutForm, Change, CredentialsForm, DeliveryForm, DriveForm, FieldForm, TypesForm, UrlsForm},
    },
    contract::Movement,
    error::HubError,
    id::ApplicationId,
    view::{Actor, Role},
};

use super::{admin, connect_form, stages};
use crate::hub::{Hub, Result};

async fn operator(hub: &Hub, email: &str) -> Actor {
    let actor = admin(hub, email).await;
    assert!(hub.add_operator(email).await.expect("is made one"));
    hub.actor(&actor.user_id, &actor.account_id).await.expect("is found").expect("is there")
}

fn about(name: &str) -> Change {
    Change::About(AboutForm {
        name: name.to_owned(),
        description: "Writes letters.".to_owned(),
        category: "mail".to_owned(),
        support: "help@example.org".to_owned(),
    })
}

fn field(name: &str) -> Change {
    Change::Field(FieldForm {
        name: name.to_owned(),
        kind: "identifier".to_owned(),
        field_type: "email".to_owned(),
        need: "required".to_owned(),
        form: "raw".to_owned(),
        ..FieldForm::default()
    })
}

/// A draft that says all that has to be said of a PUSH consumer.
async fn complete(hub: &Hub, actor: &Actor, name: &str) -> ApplicationId {
    let id = hub.begin_application(actor, name).await.expect("is begun");
    let types = TypesForm { producer: String::new(), consumer: "PUSH".to_owned() };
    let urls = UrlsForm { base: "http://127.0.0.1:9/usher".to_owned(), ..UrlsForm::default() };
    let delivery = DeliveryForm { add: "yes".to_owned(), new_segment: "yes".to_owned(), ..DeliveryForm::default() };
    let credentials = CredentialsForm {
        mode: "authorization_code".to_owned(),
        help: "Settings, API".to_owned(),
        authorization_url: "http://127.0.0.1:9/authorize".to_owned(),
        token_url: "http://127.0.0.1:9/token".to_owned(),
        client_id: "usher".to_owned(),
        client_secret: "the-client-secret".to_owned(),
        ..CredentialsForm::default()
    };
    let changes = [
        about(name),
        Change::Types(types),
        Change::Urls(urls),
        field("email"),
        Change::Delivery(delivery),
        Change::Credentials(Box::new(credentials)),
    ];
    for change in changes {
        hub.change_application(actor, &id, change, None).await.expect("is saved");
    }
    id
}

/// As if its Test Drive had passed; what a drive does is tested where it calls.
async fn pass_drive(hub: &Hub, actor: &Actor, id: &ApplicationId) {
    let draft = hub.application_draft(actor, id).await.expect("is there");
    hub.keep_drive(actor, id, draft.version, &draft.definition, DriveState::Passed).await.expect("is kept");
}

fn events(history: &[model::application::HistoryEntry]) -> Vec<(ApplicationEvent, u32)> {
    history.iter().rev().map(|entry| (entry.event, entry.version)).collect()
}

#[tokio::test]
async fn an_application_lives_from_draft_to_retirement() {
    for stage in stages().await {
        let hub = &stage.hub;
        let (ann, olga) = (admin(hub, "ann@example.org").await, operator(hub, "olga@example.org").await);
        let id = complete(hub, &ann, "Letters").await;
        let draft = hub.application_draft(&ann, &id).await.expect("is there");
        assert_eq!((draft.version, draft.state, draft.has_client_secret), (1, VersionState::Draft, true));
        let steps: Vec<_> = draft.missing.iter().map(|missing| missing.step.as_str()).collect();
        assert_eq!(steps, ["test-drive"], "{:?}", draft.missing);
        let error = hub.submit_application(&ann, &id, "").await.expect_err("was not tried");
        assert!(matches!(&error, HubError::Conflict { message } if message.contains("Test Drive")), "{error:?}");
        assert!(
            hub.applications_to_review(&olga).await.expect("lists").iter().all(|entry| entry.id != id),
            "a draft is nobody else's business"
        );

        pass_drive(hub, &ann, &id).await;
        hub.submit_application(&ann, &id, "Please look.").await.expect("is submitted");
        let error = hub.change_application(&ann, &id, about("Changed"), None).await.expect_err("is in review");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        assert_eq!(hub.applications_to_review(&olga).await.expect("lists")[0].id, id);
        let (page, seen) = hub.review_page(&olga, &id).await.expect("shows");
        assert!(page.lines.iter().any(|line| line.what == "Field email"), "{:?}", page.lines);
        assert!(!format!("{page:?}").contains("the-client-secret"));
        let error = hub.reject_application(&olga, &id, seen, "  ").await.expect_err("needs a reason");
        assert!(error.problem_of("reason").is_some(), "{error:?}");
        hub.reject_application(&olga, &id, seen, "Describe it better.").await.expect("is rejected");
        let page = hub.application_page(&ann, &id).await.expect("shows");
        assert_eq!((page.entry.state, page.reason.as_deref()), (VersionState::Rejected, Some("Describe it better.")));

        hub.change_application(&ann, &id, about("Better letters"), None).await.expect("is mended");
        let draft = hub.application_draft(&ann, &id).await.expect("is there");
        assert_eq!(draft.state, VersionState::Draft);
        assert!(
            draft.missing.is_empty(),
            "a description is nothing that a Test Drive would notice: {:?}",
            draft.missing
        );
        hub.submit_application(&ann, &id, "").await.expect("is submitted again");
        let error = hub.approve_application(&olga, &id, seen, "").await.expect_err("looked at the one before");
        assert!(matches!(error, HubError::Outdated { .. }), "{error:?}");
        let (_, seen) = hub.review_page(&olga, &id).await.expect("shows");
        hub.approve_application(&olga, &id, seen, "").await.expect("is approved");
        let bob = admin(hub, "bob@example.org").await;
        let shown = hub.application(&bob, &id).await.expect("everybody sees it");
        assert_eq!((shown.name.as_str(), shown.version), ("Better letters", 1));
        assert!(matches!(shown.credentials, Credentials::AuthorizationCode { .. }));
        let secret = hub.application_client_secret(&id, 1).await.expect("is opened");
        assert_eq!(secret.as_deref(), Some("the-client-secret"));

        let error = hub.retire_application(&olga, &id, "").await.expect_err("needs a reason");
        assert!(error.problem_of("reason").is_some());
        hub.retire_application(&olga, &id, "Nobody answers for it.").await.expect("is retired");
        assert!(hub.application(&bob, &id).await.is_err(), "it can't be connected any more");
        let page = hub.application_page(&ann, &id).await.expect("shows");
        assert_eq!(page.retired_because.as_deref(), Some("Nobody answers for it."));
        hub.restore_application(&olga, &id).await.expect("is put back");
        hub.application(&bob, &id).await.expect("is there again");
        use ApplicationEvent::{Approved, Begun, Rejected, Restored, Retired, Submitted};
        let page = hub.application_page(&ann, &id).await.expect("shows");
        assert_eq!(
            events(&page.history),
            [(Begun, 1), (Submitted, 1), (Rejected, 1), (Submitted, 1), (Approved, 1), (Retired, 1), (Restored, 1)]
        );
    }
}

#[tokio::test]
async fn a_new_version_is_reviewed_again_while_the_old_one_keeps_working() {
    for stage in stages().await {
        let hub = &stage.hub;
        let (ann, olga) = (admin(hub, "ann@example.org").await, operator(hub, "olga@example.org").await);
        let id = complete(hub, &ann, "Letters").await;
        pass_drive(hub, &ann, &id).await;
        hub.submit_application(&ann, &id, "").await.expect("is submitted");
        let (_, seen) = hub.review_page(&olga, &id).await.expect("shows");
        hub.approve_application(&olga, &id, seen, "").await.expect("is approved");

        hub.begin_version(&ann, &id).await.expect("is begun");
        let error = hub.begin_version(&ann, &id).await.expect_err("one is there");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        hub.change_application(&ann, &id, field("second"), None).await.expect("is saved");
        let draft = hub.application_draft(&ann, &id).await.expect("is there");
        assert_eq!((draft.version, draft.missing.len(), draft.has_client_secret), (2, 1, true));
        assert_eq!(
            hub.application(&ann, &id).await.expect("is there").version,
            1,
            "the approved one stays connectable"
        );
        let entry = hub.applications_to_review(&olga).await.expect("lists").into_iter().find(|entry| entry.id == id);
        assert_eq!(entry.map(|entry| entry.version), Some(1), "the operator sees no draft");
        pass_drive(hub, &ann, &id).await;
        hub.submit_application(&ann, &id, "").await.expect("is submitted");
        let (page, seen) = hub.review_page(&olga, &id).await.expect("shows");
        let differing: Vec<_> =
            page.lines.iter().filter(|line| line.before != line.now).map(|line| line.what.as_str()).collect();
        assert_eq!(differing, ["Field second"]);
        hub.approve_application(&olga, &id, seen, "").await.expect("is approved");
        assert_eq!(hub.application(&ann, &id).await.expect("is there").version, 2);

        // Of another version with the same number, discarded and begun anew, an operator who looked at the first one decides nothing.
        let submitted = async |name: &str| {
            hub.begin_version(&ann, &id).await.expect("is begun");
            hub.change_application(&ann, &id, field(name), None).await.expect("is saved");
            pass_drive(hub, &ann, &id).await;
            hub.submit_application(&ann, &id, "").await.expect("is submitted");
            hub.review_page(&olga, &id).await.expect("shows").1
        };
        let seen = submitted("third").await;
        hub.withdraw_application(&ann, &id).await.expect("is taken back");
        hub.discard_draft(&ann, &id).await.expect("is discarded");
        let mut present = submitted("another").await;
        for _ in 0..8 {
            assert_ne!(present, seen);
            let error = hub.approve_application(&olga, &id, seen, "").await.expect_err("is another");
            assert!(matches!(error, HubError::Outdated { .. }), "{error:?}");
            hub.withdraw_application(&ann, &id).await.expect("is taken back");
            hub.submit_application(&ann, &id, "").await.expect("is submitted");
            present = hub.review_page(&olga, &id).await.expect("shows").1;
        }
        hub.approve_application(&olga, &id, present, "").await.expect("is approved");
    }
}

#[tokio::test]
async fn what_hangs_on_an_application_is_told_in_numbers() {
    for stage in stages().await {
        let hub = &stage.hub;
        let application = super::application::Application::start(vec![super::application::segment("1", "North")]).await;
        let (ann, olga) = (admin(hub, "ann@example.org").await, operator(hub, "olga@example.org").await);
        let endpoint = super::connected(hub, &ann, "CRM", &application.url).await;
        let audience =
            hub.audiences(&ann, &model::view::AudienceQuery::default()).await.expect("searches").items.remove(0);
        hub.start_share(&ann, &audience.id).await.expect("starts");
        let id: ApplicationId = "app_toolkit_endpoint".parse().expect("an id");
        let (page, _) = hub.review_page(&olga, &id).await.expect("shows");
        let affected = page.affected;
        assert_eq!((affected.accounts, affected.endpoints, affected.shares), (1, 1, 1));
        hub.retire_application(&olga, &id, "Old.").await.expect("is retired");
        hub.endpoint(&ann, &endpoint).await.expect("what is connected stays so");
        hub.check_endpoint(&ann, &endpoint).await.expect("and is still called");
        let error =
            hub.connect_endpoint(&ann, connect_form("Another", &application.url)).await.expect_err("is retired");
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_stale_tab_is_told_who_was_faster() {
    for stage in stages().await {
        let hub = &stage.hub;
        let ann = admin(hub, "ann@example.org").await;
        let bob = Actor { user_name: "Bob".to_owned(), ..ann.clone() };
        let id = hub.begin_application(&ann, "Letters").await.expect("is begun");
        let seen = hub.application_draft(&ann, &id).await.expect("is there").changes;
        hub.change_application(&bob, &id, about("Bob’s"), Some(seen)).await.expect("is saved");
        let error = hub.change_application(&ann, &id, about("Ann’s"), Some(seen)).await.expect_err("is stale");
        assert!(matches!(&error, HubError::Outdated { message } if message.contains("Bob")), "{error:?}");
        hub.change_application(&ann, &id, about("Ann’s"), None).await.expect("on purpose");
        assert_eq!(hub.application_draft(&ann, &id).await.expect("is there").definition.name, "Ann’s");
    }
}

#[tokio::test]
async fn a_file_of_fields_and_a_logo_are_taken_or_refused_as_a_whole() {
    for stage in stages().await {
        let hub = &stage.hub;
        let ann = admin(hub, "ann@example.org").await;
        let id = hub.begin_application(&ann, "Letters").await.expect("is begun");
        let types = TypesForm { producer: String::new(), consumer: "PUSH".to_owned() };
        hub.change_application(&ann, &id, Change::Types(types), None).await.expect("is saved");
        assert_eq!(hub.read_application_fields(&ann, &id, b"email,name\n", false).await.expect("reads"), 2);
        assert_eq!(hub.read_application_fields(&ann, &id, b"NAME,city\n", false).await.expect("reads"), 2);
        let names = async || {
            let draft = hub.application_draft(&ann, &id).await.expect("is there");
            draft.definition.fields.into_iter().map(|field| field.name).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["email", "NAME", "city"]);
        let error = hub.read_application_fields(&ann, &id, b"new,new\n", true).await.expect_err("is refused");
        assert!(error.problem_of("file").is_some());
        assert_eq!(names().await, ["email", "NAME", "city"], "nothing was half taken");
        hub.change_application(&ann, &id, Change::RemoveField("NAME".to_owned()), None).await.expect("goes");
        assert_eq!(names().await, ["email", "city"]);

        let error = hub.set_application_logo(&ann, &id, b"<svg/>".to_vec()).await.expect_err("is refused");
        assert!(error.problem_of("logo").is_some(), "{error:?}");
        let mut png = std::io::Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(300, 300).write_to(&mut png, image::ImageFormat::Png).expect("writes");
        hub.set_application_logo(&ann, &id, png.into_inner()).await.expect("is taken");
        let logo = hub.application_draft(&ann, &id).await.expect("is there").definition.logo.expect("has one");
        assert!(hub.application_logo(&logo).await.expect("is kept").starts_with(b"\x89PNG"));
        assert!(hub.application_logo("no such").await.is_err());
    }
}

#[tokio::test]
async fn only_the_accounts_own_admins_define_and_only_operators_review() {
    for stage in stages().await {
        let hub = &stage.hub;
        let (ann, bob) = (admin(hub, "ann@example.org").await, admin(hub, "bob@example.org").await);
        let id = complete(hub, &ann, "Letters").await;
        let member = Actor { role: Role::Member, ..ann.clone() };
        hub.application_page(&member, &id).await.expect("members look");
        let tried = |actor: Actor| async move {
            let not_there = hub.application_page(&actor, &id).await.map(drop);
            let refused: Vec<Result<()>> = vec![
                hub.change_application(&actor, &id, about("Mine"), None).await.map(drop),
                hub.read_application_fields(&actor, &id, b"a\n", true).await.map(drop),
                hub.set_application_logo(&actor, &id, Vec::new()).await,
                hub.submit_application(&actor, &id, "").await,
                hub.withdraw_application(&actor, &id).await,
                hub.begin_version(&actor, &id).await,
                hub.discard_draft(&actor, &id).await,
                hub.start_test_drive(&actor, &id, &DriveForm::default()).await,
                hub.make_trial_endpoint(&actor, &id).await.map(drop),
            ];
            (not_there, refused, id)
        };
        let (page, refused, id) = tried(bob.clone()).await;
        for result in std::iter::once(page).chain(refused) {
            assert!(matches!(result, Err(HubError::NotFound { .. })), "another account's: {result:?}");
        }
        let tried = |actor: Actor| async move {
            vec![
                hub.applications_to_review(&actor).await.map(drop),
                hub.review_page(&actor, &id).await.map(drop),
                hub.approve_application(&actor, &id, 0, "").await,
                hub.reject_application(&actor, &id, 0, "No.").await,
                hub.retire_application(&actor, &id, "No.").await,
                hub.restore_application(&actor, &id).await,
            ]
        };
        for result in tried(ann.clone()).await {
            assert!(matches!(result, Err(HubError::NotFound { .. })), "no operator: {result:?}");
        }
        assert_eq!(
            hub.application_draft(&ann, &"app_harbor_crm".parse().expect("an id")).await,
            Err(HubError::not_found("application"))
        );
        assert!(hub.remove_operator("nobody@example.org").await.is_err());
        assert!(!hub.remove_operator("ann@example.org").await.expect("was none"));
    }
}

#[tokio::test]
async fn applications_of_before_are_approved_with_a_version() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let all = stage.hub.applications(&ann).await.expect("lists");
        let found: Vec<_> = all.iter().map(|application| (application.name.as_str(), application.version)).collect();
        let built_in = ["Beacon Mail", "Harbor CRM", "Toolkit agent", "Toolkit endpoint", "Toolkit service"];
        assert_eq!(found, built_in.map(|name| (name, 1)));
        let agent = all.iter().find(|application| application.name == "Toolkit agent").expect("is there");
        assert_eq!(
            (agent.producer, agent.consumer, agent.is_called),
            (Some(Movement::Push), Some(Movement::Pull), false)
        );
        // Another process that starts installs nothing twice.
        let all = stage.another().await.applications(&ann).await.expect("lists");
        assert_eq!(all.len(), built_in.len());
    }
}

#[tokio::test]
async fn an_application_that_calls_usher_is_tried_by_what_its_trial_endpoint_has_done() {
    for stage in stages().await {
        let hub = &stage.hub;
        let ann = admin(hub, "ann@example.org").await;
        let id = hub.begin_application(&ann, "Calls by itself").await.expect("is begun");
        let types = TypesForm { producer: "PUSH".to_owned(), consumer: String::new() };
        hub.change_application(&ann, &id, Change::Types(types), None).await.expect("is saved");
        let urls = UrlsForm { contact: "http://127.0.0.1:9/jobs".to_owned(), ..UrlsForm::default() };
        hub.change_application(&ann, &id, Change::Urls(urls), None).await.expect("is saved");
        let drive = async || {
            hub.start_test_drive(&ann, &id, &DriveForm::default()).await.expect("starts");
            let ended = async {
                loop {
                    let view = hub.test_drive(&ann, &id).await.expect("is read").expect("was started");
                    if view.state != DriveState::Running {
                        return view;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            };
            let view = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.expect("ends");
            let failed = view.report.steps.iter().find(|step| step.verdict == Verdict::Failed).expect("one fails");
            failed.name.clone()
        };
        assert_eq!(drive().await, "Call Usher with its key");
        let trial = hub.make_trial_endpoint(&ann, &id).await.expect("is made");
        assert_eq!(hub.make_trial_endpoint(&ann, &id).await.expect("is told"), trial, "there is one");
        let view = hub.endpoint(&ann, &trial).await.expect("is shown");
        assert_eq!(view.webhook.map(|webhook| webhook.url).as_deref(), Some("http://127.0.0.1:9/jobs"));
        let error = hub.discard_draft(&ann, &id).await.expect_err("an endpoint hangs on it");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let key = hub.make_endpoint_key(&ann, &trial).await.expect("has a key");
        let endpoint = hub.endpoint_of_key(&key.0).await.expect("looks").expect("is known");
        assert_eq!(drive().await, "Describe itself to Usher");
        let description = model::contract::EndpointDescription {
            name: "Shop".to_owned(),
            description: None,
            producer: Some(model::contract::ProducerSide { movement: Movement::Push }),
            consumer: None,
        };
        hub.register_endpoint(&endpoint, description).await.expect("fits");
        assert_eq!(drive().await, "Declare its audiences");
        hub.declare_segment(&endpoint, &super::application::segment("1", "North")).await.expect("is declared");
        assert_eq!(drive().await, "Send an export");
    }
}
