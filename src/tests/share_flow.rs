//! What the share flow keeps: versions of the mapping, templates, copies, what becomes of shares when fields change, and what is to be confirmed.

use std::{collections::HashSet, time::Duration};

use model::{
    contract::{DeliveryOptions, JobMode},
    error::HubError,
    field::{Field, FieldKind, FieldType},
    id::{AudienceId, EndpointId, ShareId},
    mapping::{Link, Mapping, Source},
    run::{Duplicates, Mode, ShrinkLimit},
    transform::Transform,
    view::{
        Actor, AudienceQuery, ChooseDestination, DestinationSegment, Handling, MappingCause, Reviewed, Role,
        ShareQuery, ShareStanding, ShareState,
    },
};

use super::{
    Stage, admin,
    application::{Application, segment},
    connected, stages,
};
use crate::sharing::Timing;

/// A share of one audience of an application to itself, mapped and ready.
struct Scene {
    actor: Actor,
    application: Application,
    endpoint: EndpointId,
    audience: AudienceId,
    share: ShareId,
}

impl Scene {
    async fn new(stage: &Stage) -> Self {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North"), segment("2", "South")]).await;
        let endpoint = connected(&stage.hub, &actor, "CRM", &application.url).await;
        let query = AudienceQuery { text: "North".to_owned(), ..AudienceQuery::default() };
        let audience = stage.hub.audiences(&actor, &query).await.expect("searches").items.remove(0).id;
        let share = stage.hub.start_share(&actor, &audience).await.expect("starts");
        let scene = Self { actor, application, endpoint, audience, share };
        scene.to(stage, &scene.share, "New").await;
        scene.map(stage, &scene.share, vec![link("email", "email")]).await;
        scene
    }

    async fn to(&self, stage: &Stage, share: &ShareId, segment: &str) {
        let choice = choice(&self.endpoint, segment);
        stage.hub.choose_destination(&self.actor, share, choice).await.expect("fits");
    }

    async fn map(&self, stage: &Stage, share: &ShareId, links: Vec<Link>) -> u32 {
        stage.hub.save_mapping(&self.actor, share, Mapping { links }).await.expect("saves").mapping_version
    }

    /// Another share, like the first.
    async fn another(&self, stage: &Stage, links: Vec<Link>) -> ShareId {
        let share = stage.hub.start_share(&self.actor, &self.audience).await.expect("starts");
        self.to(stage, &share, "Other").await;
        self.map(stage, &share, links).await;
        share
    }

    /// Changes what the application says, and has Usher ask again.
    async fn change(&self, stage: &Stage, change: impl FnOnce(&mut super::application::Says)) {
        self.application.change(change);
        stage.clock.advance(Duration::from_secs(1));
        stage.hub.check_endpoint(&self.actor, &self.endpoint).await.expect("answers");
        stage.hub.refresh_audiences(&self.actor, &self.endpoint).await.expect("answers");
    }

    async fn held(&self, stage: &Stage, share: &ShareId) -> Option<String> {
        stage.hub.share(&self.actor, share).await.expect("reads").held_because
    }
}

fn choice(endpoint: &EndpointId, segment: &str) -> ChooseDestination {
    ChooseDestination {
        endpoint_id: endpoint.to_string(),
        segment: DestinationSegment::New { name: segment.to_owned() },
        mode: Mode::Add,
    }
}

fn link(target: &str, source: &str) -> Link {
    let transforms = if target == "email" { vec![Transform::NormaliseEmail] } else { Vec::new() };
    Link { target: target.to_owned(), source: Source::Field { name: source.to_owned() }, transforms }
}

fn handling(mode: Mode, limit: u8) -> Handling {
    Handling { mode, duplicates: Duplicates::Last, shrink_limit: ShrinkLimit::new(limit).expect("a percentage") }
}

#[tokio::test]
async fn versions_of_a_mapping_are_kept_told_apart_and_put_in_place_again() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor, share) = (&stage.hub, &scene.actor, &scene.share);
        let both = vec![link("email", "email"), link("first_name", "first_name")];
        assert_eq!(scene.map(&stage, share, both.clone()).await, 2);
        let versions = hub.mapping_versions(actor, share).await.expect("lists");
        assert_eq!(versions.len(), 1, "what one person does in one sitting is one version: {versions:?}");
        assert_eq!((versions[0].version, versions[0].changes.len()), (2, 2));
        assert_eq!(versions[0].changed_by, actor.user_name);

        hub.share_now(actor, share).await.expect("is asked for");
        scene.map(&stage, share, vec![link("email", "email")]).await;
        let versions = hub.mapping_versions(actor, share).await.expect("lists");
        assert_eq!(
            versions.iter().map(|version| (version.version, version.is_used)).collect::<Vec<_>>(),
            [(3, false), (2, true)]
        );
        assert_eq!(versions[0].changes, ["“first_name” is no longer sent."]);
        assert_eq!(versions[1].restoring, ["“first_name” gets “first_name”."]);

        stage.clock.advance(Duration::from_secs(60 * 60));
        let restored = hub.restore_mapping(actor, share, 2).await.expect("is put in place");
        assert_eq!((restored.mapping.links, restored.mapping_version), (both, 4));
        let versions = hub.mapping_versions(actor, share).await.expect("lists");
        assert_eq!(
            (versions.len(), versions[0].cause, versions[0].note.as_deref()),
            (3, MappingCause::Restored, Some("2"))
        );
        let error = hub.restore_mapping(actor, share, 99).await.expect_err("there is none");
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_edit_long_after_another_is_a_version_of_its_own() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        stage.clock.advance(Duration::from_secs(11 * 60));
        scene.map(&stage, &scene.share, vec![link("email", "email"), link("first_name", "first_name")]).await;
        let versions = stage.hub.mapping_versions(&scene.actor, &scene.share).await.expect("lists");
        assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);
    }
}

#[tokio::test]
async fn a_stale_tab_overwrites_nothing_and_is_told_who_was_faster() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor, share) = (&stage.hub, &scene.actor, &scene.share);
        let bob = Actor { user_name: "Bob".to_owned(), ..actor.clone() };
        let seen = hub.share(actor, share).await.expect("reads");

        let both = Mapping { links: vec![link("email", "email"), link("first_name", "first_name")] };
        hub.save_mapping_over(&bob, share, both.clone(), Some(seen.mapping_version)).await.expect("saves");
        let mine = Mapping { links: Vec::new() };
        let error = hub.save_mapping_over(actor, share, mine, Some(seen.mapping_version)).await.expect_err("is stale");
        assert!(matches!(&error, HubError::Outdated { message } if message.contains("Bob")), "{error:?}");
        hub.save_mapping_over(actor, share, both.clone(), Some(seen.mapping_version))
            .await
            .expect("is the same anyway");
        assert_eq!(hub.share(actor, share).await.expect("reads").mapping, both);

        let version = Some(seen.destination_version);
        hub.choose_destination_over(&bob, share, choice(&scene.endpoint, "Bob's"), version).await.expect("chooses");
        let stale = hub.choose_destination_over(actor, share, choice(&scene.endpoint, "Ann's"), version).await;
        let error = stale.expect_err("is stale");
        assert!(matches!(&error, HubError::Outdated { message } if message.contains("Bob's")), "{error:?}");

        let version = Some(seen.handling_version);
        hub.choose_when(&bob, share, handling(Mode::Replace, 10), Timing::AsItIs, version).await.expect("chooses");
        let error = hub
            .choose_when(actor, share, handling(Mode::Add, 20), Timing::AsItIs, version)
            .await
            .expect_err("is stale");
        assert!(matches!(&error, HubError::Outdated { message } if message.contains("Replace")), "{error:?}");
        let view = hub
            .choose_when(actor, share, handling(Mode::Replace, 10), Timing::AsItIs, version)
            .await
            .expect("is the same");
        assert_eq!(view.shrink_limit.percent(), 10);
        hub.choose_when(actor, share, handling(Mode::Add, 20), Timing::AsItIs, None)
            .await
            .expect("is put in place on purpose");
    }
}

#[tokio::test]
async fn only_what_was_reviewed_is_shared() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor, share) = (&stage.hub, &scene.actor, &scene.share);
        let bob = Actor { user_name: "Bob".to_owned(), ..actor.clone() };
        let names = async || -> Vec<String> {
            let review = hub.review(actor, share).await.expect("reviews");
            review.warnings.into_iter().map(|warning| warning.name).collect()
        };
        let mapped = Mapping { links: vec![link("email", "email"), link("first_name", "first_name")] };
        for step in 0..3 {
            let seen = hub.share(actor, share).await.expect("reads").reviewed();
            assert_eq!(Reviewed::parse(&seen.to_string()), Some(seen.clone()), "as the form sends it");
            match step {
                0 => drop(hub.save_mapping(&bob, share, mapped.clone()).await.expect("saves")),
                1 => {
                    drop(hub.choose_destination(&bob, share, choice(&scene.endpoint, "Bob's")).await.expect("chooses"))
                }
                _ => drop(hub.choose_handling(&bob, share, handling(Mode::Add, 3)).await.expect("chooses")),
            }
            let shared = hub.share_confirmed(actor, share, &names().await, Some(&seen)).await;
            let error = shared.expect_err("was changed");
            assert!(matches!(&error, HubError::Outdated { message } if message.contains("Bob")), "{error:?}");
            let started = hub.start_reviewed(actor, share, &names().await, Some(&seen)).await;
            assert!(matches!(started, Err(HubError::Outdated { .. })), "{started:?}");
        }
        assert!(hub.share(actor, share).await.expect("reads").runs.is_empty());
        let seen = hub.share(actor, share).await.expect("reads").reviewed();
        hub.share_confirmed(actor, share, &names().await, Some(&seen)).await.expect("is as it was seen");
    }
}

#[tokio::test]
async fn a_template_maps_what_fits_says_what_does_not_and_keeps_what_a_person_set() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        scene.map(&stage, &scene.share, vec![link("email", "email"), link("first_name", "first_name")]).await;
        let template = hub.save_template(actor, &scene.share, " Names ").await.expect("is kept");
        assert_eq!(hub.save_template(actor, &scene.share, "Names").await.expect("is replaced"), template);
        assert!(
            hub.save_template(actor, &scene.share, "  ").await.expect_err("has no name").problem_of("name").is_some()
        );

        scene.application.change(|says| says.segments[1].fields.truncate(1));
        hub.refresh_audiences(actor, &scene.endpoint).await.expect("answers");
        let query = AudienceQuery { text: "South".to_owned(), ..AudienceQuery::default() };
        let south = hub.audiences(actor, &query).await.expect("searches").items.remove(0).id;
        let share = hub.start_share(actor, &south).await.expect("starts");
        scene.to(&stage, &share, "Southerners").await;
        let fits = hub.templates_for(actor, &share).await.expect("lists");
        assert_eq!(fits.len(), 1);
        assert_eq!(fits[0].fitting, ["email"]);
        assert_eq!(fits[0].misfits.len(), 1);
        assert!(fits[0].misfits[0].reason.contains("no field “first_name”"), "{fits:?}");
        assert_eq!(hub.share(actor, &share).await.expect("reads").templates, 1);

        let view = hub.apply_template(actor, &share, &template, false).await.expect("is applied");
        assert_eq!(view.mapping.links, [link("email", "email")]);
        let own = Link { transforms: vec![Transform::Trim], ..link("email", "email") };
        scene.map(&stage, &share, vec![own.clone()]).await;
        let view = hub.apply_template(actor, &share, &template, false).await.expect("is applied");
        assert_eq!(view.mapping.links, [own], "what a person set stays");
        let view = hub.apply_template(actor, &share, &template, true).await.expect("is applied");
        assert_eq!(view.mapping.links, [link("email", "email")]);
        let versions = hub.mapping_versions(actor, &share).await.expect("lists");
        assert_eq!((versions[0].cause, versions[0].note.as_deref()), (MappingCause::Template, Some("Names")));

        hub.rename_template(actor, &template, "People").await.expect("is renamed");
        let other = hub.save_template(actor, &scene.share, "Other").await.expect("is kept");
        let error = hub.rename_template(actor, &other, "People").await.expect_err("is taken");
        assert!(error.problem_of("name").is_some(), "{error:?}");
        hub.delete_template(actor, &other).await.expect("is deleted");
        let names: Vec<String> = hub.templates(actor).await.expect("lists").into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["People"]);
    }
}

#[tokio::test]
async fn shares_are_found_by_words_and_by_where_they_stand_page_by_page() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        let find = async |text: &str, standing: Option<ShareStanding>, before: Option<String>| {
            let query = ShareQuery { text: text.to_owned(), standing, before };
            hub.find_shares(actor, &query).await.expect("finds")
        };
        let run = hub.share_now(actor, &scene.share).await.expect("is asked for");
        hub.cancel_run(actor, &run).await.expect("is called off");
        let umlaut = scene.another(&stage, vec![]).await;
        scene.to(&stage, &umlaut, "Ärzte 100%").await;
        for text in ["ärzte", "ÄRZTE north", "crm 100%"] {
            let found = find(text, None, None).await;
            assert_eq!(found.items.iter().map(|share| &share.id).collect::<Vec<_>>(), [&umlaut], "{text}");
        }
        assert_eq!(find("ärzte south", None, None).await.total, 0);
        let active = find("", Some(ShareStanding::Active), None).await;
        assert_eq!(active.items.iter().map(|share| &share.id).collect::<Vec<_>>(), [&scene.share]);
        assert!(active.items[0].last_run.is_some(), "with its last run");
        assert_eq!(find("", Some(ShareStanding::Held), None).await.total, 0);

        for _ in 0..100 {
            hub.start_share(actor, &scene.audience).await.expect("starts");
        }
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = find("north", None, before).await;
            assert_eq!(page.total, 102, "of all pages");
            assert!(page.items.len() <= 50);
            seen.extend(page.items.into_iter().map(|share| share.id));
            before = page.older;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 102);
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 102, "each once");
        assert_eq!(find("", Some(ShareStanding::Draft), None).await.total, 101);
        let bob = admin(hub, "bob@example.org").await;
        assert_eq!(hub.find_shares(&bob, &ShareQuery::default()).await.expect("finds").total, 0);
    }
}

#[tokio::test]
async fn exactly_the_shares_that_a_change_of_fields_breaks_are_held_and_heal_by_themselves() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        let wide = scene.another(&stage, vec![link("email", "email"), link("first_name", "first_name")]).await;
        let draft = scene.another(&stage, vec![link("email", "email"), link("first_name", "first_name")]).await;
        let run = hub.share_now(actor, &scene.share).await.expect("is asked for");
        hub.cancel_run(actor, &run).await.expect("is called off");
        let run = hub.share_now(actor, &wide).await.expect("is asked for");
        hub.cancel_run(actor, &run).await.expect("is called off");

        scene.change(&stage, |says| says.segments[0].fields[1].name = "given_name".to_owned()).await;
        assert_eq!(scene.held(&stage, &wide).await.as_deref(), Some("Its fields changed: first_name"));
        assert_eq!(scene.held(&stage, &scene.share).await, None, "it does not use the field");
        assert_eq!(scene.held(&stage, &draft).await, None, "a draft is not done yet");
        let home = hub.home(actor).await.expect("shows");
        assert_eq!(home.held_shares.iter().map(|share| &share.id).collect::<Vec<_>>(), [&wide]);
        let listed = hub.shares(actor).await.expect("lists");
        assert_eq!(listed.iter().filter(|share| share.held_because.is_some()).count(), 1);
        let error = hub.share_now(actor, &wide).await.expect_err("no run starts");
        assert!(matches!(error, HubError::Invalid { .. }), "{error:?}");
        assert!(hub.pre_flight(actor, &wide).await.is_err());
        let mentioned = hub.share(actor, &scene.share).await.expect("reads").drift;
        assert_eq!((mentioned.breaks.len(), mentioned.changes.len()), (0, 2), "{mentioned:?}");
        hub.note_changes_seen(actor, &scene.share).await.expect("is noted");
        assert_eq!(hub.share(actor, &scene.share).await.expect("reads").drift.changes.len(), 0);
        let run = hub.share_now(actor, &scene.share).await.expect("goes on");
        hub.cancel_run(actor, &run).await.expect("is called off");

        scene.change(&stage, |says| says.segments[0].fields[1].name = "first_name".to_owned()).await;
        assert_eq!(scene.held(&stage, &wide).await, None, "it heals by itself");
        let run = hub.share_now(actor, &wide).await.expect("goes on");
        hub.cancel_run(actor, &run).await.expect("is called off");

        scene.change(&stage, |says| says.segments[0].fields[1].name = "given_name".to_owned()).await;
        let broken = hub.share(actor, &wide).await.expect("reads").drift;
        assert!(broken.breaks[0].proposal.is_some(), "{broken:?}");
        assert!(hub.accept_remapping(actor, &wide, &[]).await.is_err(), "nothing was accepted");
        let error = hub.accept_remapping(actor, &wide, &["email".to_owned()]).await.expect_err("is not broken");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let view = hub.accept_remapping(actor, &wide, &["first_name".to_owned()]).await.expect("is mended");
        assert_eq!(view.mapping.links, [link("email", "email"), link("first_name", "given_name")]);
        assert_eq!((view.held_because, view.drift.changes.len()), (None, 0));
        let versions = hub.mapping_versions(actor, &wide).await.expect("lists");
        assert_eq!(versions[0].cause, MappingCause::Remapped);
        hub.share_now(actor, &wide).await.expect("goes on");
    }
}

#[tokio::test]
async fn a_destination_that_asks_for_more_or_goes_away_holds_its_shares() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        let run = hub.share_now(actor, &scene.share).await.expect("is asked for");
        hub.cancel_run(actor, &run).await.expect("is called off");
        let nickname = Field::new("nickname", FieldKind::Attribute, FieldType::String);
        let add = |field: Field| {
            move |says: &mut super::application::Says| {
                says.description.consumer.as_mut().expect("takes").fields.push(field);
            }
        };
        scene.change(&stage, add(nickname.clone())).await;
        assert_eq!(scene.held(&stage, &scene.share).await, None, "an optional field breaks nothing");
        assert_eq!(hub.share(actor, &scene.share).await.expect("reads").drift.changes.len(), 1, "but is mentioned");
        scene.change(&stage, add(Field { name: "code".to_owned(), ..nickname.clone() }.required())).await;
        assert_eq!(scene.held(&stage, &scene.share).await.as_deref(), Some("Its fields changed: code"));
        let consumer = |says: &mut super::application::Says| {
            says.description.consumer.as_mut().expect("takes").fields.truncate(2);
        };
        scene.change(&stage, consumer).await;
        assert_eq!(scene.held(&stage, &scene.share).await, None);

        scene.change(&stage, |says| drop(says.segments.remove(0))).await;
        assert_eq!(scene.held(&stage, &scene.share).await.as_deref(), Some("CRM no longer offers the audience"));
        scene.change(&stage, |says| says.segments.insert(0, segment("1", "North"))).await;
        assert_eq!(scene.held(&stage, &scene.share).await, None);
    }
}

#[tokio::test]
async fn a_change_of_what_an_endpoint_takes_is_noticed_without_anybody_asking() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let run = stage.hub.share_now(&scene.actor, &scene.share).await.expect("is asked for");
        stage.hub.cancel_run(&scene.actor, &run).await.expect("is called off");
        scene.application.change(|says| {
            let fields = &mut says.description.consumer.as_mut().expect("takes").fields;
            fields.push(Field::new("code", FieldKind::Attribute, FieldType::String).required());
        });
        stage.clock.advance(Duration::from_secs(60 * 60));
        stage.hub.refresh_due(Duration::from_secs(60)).await;
        assert_eq!(scene.held(&stage, &scene.share).await.as_deref(), Some("Its fields changed: code"));
    }
}

#[tokio::test]
async fn what_the_review_warns_of_is_confirmed_by_name_once() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor, share) = (&stage.hub, &scene.actor, &scene.share);
        assert_eq!(hub.review(actor, share).await.expect("reads").warnings, []);
        let plain = Link { transforms: Vec::new(), ..link("email", "email") };
        scene.map(&stage, share, vec![plain]).await;
        let known = DestinationSegment::Existing { id: "2".to_owned(), name: String::new() };
        let chosen = ChooseDestination { segment: known, mode: Mode::Replace, ..choice(&scene.endpoint, "") };
        hub.choose_destination(actor, share, chosen).await.expect("fits");
        let warnings = hub.review(actor, share).await.expect("reads").warnings;
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        let error =
            hub.share_confirmed(actor, share, &[warnings[0].name.clone()], None).await.expect_err("one is left");
        let HubError::Invalid { problems } = &error else { panic!("{error:?}") };
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("“South”"), "{problems:?}");
        let names: Vec<String> = warnings.into_iter().map(|warning| warning.name).collect();
        let run = hub.share_confirmed(actor, share, &names, None).await.expect("is asked for");
        hub.cancel_run(actor, &run).await.expect("is called off");
        let confirmed = hub.review(actor, share).await.expect("reads").warnings;
        assert!(confirmed.iter().all(|warning| warning.confirmed.as_ref().is_some_and(|by| by.by == actor.user_name)));
        let run = hub.share_confirmed(actor, share, &[], None).await.expect("is still confirmed");
        hub.cancel_run(actor, &run).await.expect("is called off");

        let twin = hub.copy_share(actor, share).await.expect("is copied");
        let review = hub.review(actor, &twin).await.expect("reads");
        assert_eq!(review.other_shares.iter().map(|other| &other.id).collect::<Vec<_>>(), [share]);
        assert_eq!(review.warnings.len(), 3, "nothing is confirmed for a copy: {:?}", review.warnings);
        assert!(review.warnings.iter().any(|warning| warning.name == format!("same-segment.{share}")));
    }
}

#[tokio::test]
async fn a_copy_begins_as_the_other_share_is() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        hub.choose_handling(actor, &scene.share, handling(Mode::Replace, 7)).await.expect("chooses");
        hub.share_now(actor, &scene.share).await.expect("is asked for");
        let copy = hub.copy_share(actor, &scene.share).await.expect("is copied");
        let (first, second) =
            (hub.share(actor, &scene.share).await.expect("reads"), hub.share(actor, &copy).await.expect("reads"));
        assert_eq!((second.state, second.runs.len()), (ShareState::Draft, 0));
        assert_eq!((&second.mapping, &second.destination), (&first.mapping, &first.destination));
        assert_eq!((second.shrink_limit, second.duplicates), (first.shrink_limit, first.duplicates));
        let versions = hub.mapping_versions(actor, &copy).await.expect("lists");
        assert_eq!((versions.len(), versions[0].cause), (1, MappingCause::Copied));
    }
}

#[tokio::test]
async fn a_share_begins_with_the_destination_too() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        scene.application.change(|says| {
            says.segments[1].fields = vec![Field::new("town", FieldKind::Attribute, FieldType::String)];
        });
        hub.refresh_audiences(actor, &scene.endpoint).await.expect("answers");
        let choices = hub.audience_choices(actor, Some(&scene.endpoint), "", 1).await.expect("lists");
        let (can, can_not): (Vec<_>, Vec<_>) = choices.items.into_iter().partition(|item| item.obstacle.is_none());
        assert_eq!((can.len(), can_not.len()), (1, 1));
        let refused = hub.start_share_to(actor, &can_not[0].audience.id, &scene.endpoint).await.expect_err("can't");
        assert!(refused.problem_of("audience_id").is_some(), "{refused:?}");
        let share = hub.start_share_to(actor, &can[0].audience.id, &scene.endpoint).await.expect("starts");
        let view = hub.share(actor, &share).await.expect("reads");
        assert_eq!((view.destination_endpoint.as_ref(), view.destination), (Some(&scene.endpoint), None));

        scene.to(&stage, &share, "New").await;
        let both = vec![link("email", "email"), link("first_name", "first_name")];
        scene.map(&stage, &share, both).await;
        let error = hub.change_audience(actor, &share, &can_not[0].audience.id).await.expect_err("can't");
        assert!(error.problem_of("audience_id").is_some(), "{error:?}");
        scene.application.change(|says| says.segments[1] = segment("2", "South"));
        scene.application.change(|says| says.segments[1].fields.truncate(1));
        hub.refresh_audiences(actor, &scene.endpoint).await.expect("answers");
        let view = hub.change_audience(actor, &share, &can_not[0].audience.id).await.expect("is chosen");
        assert_eq!((view.audience.name.as_str(), view.mapping.links), ("South", vec![link("email", "email")]));
        hub.share_now(actor, &share).await.expect("is asked for");
        let error = hub.change_audience(actor, &share, &can[0].audience.id).await.expect_err("has run");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn destinations_that_can_not_take_an_audience_say_why() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        let reason = async || hub.destinations(actor, &scene.share).await.expect("lists").remove(0).obstacle;
        assert_eq!(reason().await, None);
        let with = |change: fn(&mut model::contract::ConsumerSide)| {
            move |says: &mut super::application::Says| change(says.description.consumer.as_mut().expect("takes"))
        };
        let nothing = DeliveryOptions {
            modes: vec![JobMode::Add],
            new_segment: false,
            existing_segment: false,
            rows_per_part: None,
            rows_per_second: None,
            member_lifetime_days: None,
        };
        scene.change(&stage, move |says| says.description.consumer.as_mut().expect("takes").delivery = nothing).await;
        assert!(reason().await.is_some_and(|why| why.contains("no segment")));
        scene.change(&stage, with(|consumer| consumer.delivery.modes.clear())).await;
        assert!(reason().await.is_some_and(|why| why.contains("no way to change its segments")));
        scene
            .change(
                &stage,
                with(|consumer| {
                    consumer.delivery.modes = vec![JobMode::Add];
                    consumer.delivery.new_segment = true;
                    consumer.fields.push(Field::new("phone", FieldKind::Identifier, FieldType::Phone).required());
                }),
            )
            .await;
        assert!(reason().await.is_some_and(|why| why.contains("requires “phone”")));
    }
}

#[tokio::test]
async fn a_share_is_deleted_when_nothing_of_it_is_under_way_and_its_runs_stay() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let (hub, actor) = (&stage.hub, &scene.actor);
        let run = hub.share_now(actor, &scene.share).await.expect("is asked for");
        let error = hub.delete_share(actor, &scene.share).await.expect_err("a run is under way");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        hub.cancel_run(actor, &run).await.expect("is called off");
        hub.delete_share(actor, &scene.share).await.expect("is deleted");
        assert!(matches!(hub.share(actor, &scene.share).await, Err(HubError::NotFound { .. })));
        hub.run(actor, &run).await.expect("stays");
    }
}

#[tokio::test]
async fn another_account_reaches_nothing_and_a_viewer_changes_nothing() {
    for stage in stages().await {
        let scene = Scene::new(&stage).await;
        let hub = &stage.hub;
        let template = hub.save_template(&scene.actor, &scene.share, "Names").await.expect("is kept");
        let before = hub.share(&scene.actor, &scene.share).await.expect("reads");
        let bob = admin(hub, "bob@example.org").await;
        let viewer = Actor { role: Role::Viewer, ..scene.actor.clone() };
        let (share, endpoint, audience) = (&scene.share, &scene.endpoint, &scene.audience);
        for actor in [&bob, &viewer] {
            let changing = [
                ("choose_handling", hub.choose_handling(actor, share, handling(Mode::Add, 5)).await.map(drop)),
                ("restore_mapping", hub.restore_mapping(actor, share, 1).await.map(drop)),
                ("save_template", hub.save_template(actor, share, "Mine").await.map(drop)),
                ("apply_template", hub.apply_template(actor, share, &template, true).await.map(drop)),
                ("rename_template", hub.rename_template(actor, &template, "Mine").await),
                ("delete_template", hub.delete_template(actor, &template).await),
                ("accept_remapping", hub.accept_remapping(actor, share, &["email".to_owned()]).await.map(drop)),
                ("note_changes_seen", hub.note_changes_seen(actor, share).await),
                ("confirm", hub.confirm(actor, share, &[]).await),
                ("share_confirmed", hub.share_confirmed(actor, share, &[], None).await.map(drop)),
                ("copy_share", hub.copy_share(actor, share).await.map(drop)),
                ("start_share_to", hub.start_share_to(actor, audience, endpoint).await.map(drop)),
                ("change_audience", hub.change_audience(actor, share, audience).await.map(drop)),
                ("delete_share", hub.delete_share(actor, share).await),
            ];
            for (method, result) in changing {
                let expected = if actor.role == Role::Viewer {
                    matches!(result, Err(HubError::Forbidden { .. }))
                } else {
                    matches!(result, Err(HubError::NotFound { .. }))
                };
                assert!(expected, "{method} by {:?}: {result:?}", actor.role);
            }
        }
        assert!(matches!(hub.mapping_versions(&bob, share).await, Err(HubError::NotFound { .. })));
        assert!(matches!(hub.templates_for(&bob, share).await, Err(HubError::NotFound { .. })));
        assert!(matches!(hub.pre_flight_result(&bob, share).await, Err(HubError::NotFound { .. })));
        assert!(matches!(hub.audience_choices(&bob, Some(endpoint), "", 1).await, Err(HubError::NotFound { .. })));
        assert_eq!(hub.templates(&bob).await.expect("lists"), []);
        assert_eq!(hub.share(&scene.actor, share).await.expect("reads"), before, "nothing was changed");
    }
}
