//! The catalogue: search, what narrows it, refresh with what it leaves unwritten, and the history of what changed.

use std::time::Duration;

use model::{
    catalogue::{
        AudienceQuery, AudienceSort, ChangeKind, CountedBy, Distinct, Freshness, IdentifierKind, Place, SharedTo,
        SizeBand,
    },
    contract::{FieldStatistics, Segment, SegmentLabel, SegmentStatistics},
    error::HubError,
    field::{Field, FieldKind, FieldType},
    id::{AudienceId, EndpointId},
    mapping::{Link, Mapping, Source},
    run::Mode,
    view::{Actor, AudiencePage, AudienceView, ChooseDestination, DestinationSegment},
};
use sqlx::Row;

use super::{
    Stage, admin,
    application::{Application, segment},
    connected, stages,
};
use crate::store::clock::rfc3339;

const MINUTE: Duration = Duration::from_secs(60);

fn words(text: &str) -> AudienceQuery {
    AudienceQuery { text: text.to_owned(), ..AudienceQuery::default() }
}

async fn found(stage: &Stage, actor: &Actor, query: &AudienceQuery) -> AudiencePage {
    stage.hub.audiences(actor, query).await.expect("searches")
}

async fn names(stage: &Stage, actor: &Actor, text: &str) -> Vec<String> {
    let page = found(stage, actor, &words(text)).await;
    assert_eq!(page.total, page.items.len() as u64);
    page.items.into_iter().map(|audience| audience.name).collect()
}

fn described(id: &str, name: &str, description: &str) -> Segment {
    Segment { description: Some(description.to_owned()), tags: Vec::new(), ..segment(id, name) }
}

async fn view(stage: &Stage, actor: &Actor, name: &str, vanished: bool) -> AudienceView {
    let query = AudienceQuery { vanished, ..words(name) };
    let id = found(stage, actor, &query).await.items.remove(0).id;
    stage.hub.audience(actor, &id).await.expect("shows")
}

async fn refreshed(stage: &Stage, actor: &Actor, id: &EndpointId) -> model::catalogue::RefreshReport {
    stage.clock.advance(MINUTE);
    stage.hub.refresh_audiences(actor, id).await.expect("refreshes")
}

/// Shares an audience so that its share counts.
async fn shared(stage: &Stage, actor: &Actor, audience: &AudienceId, endpoint: &EndpointId) {
    let share = stage.hub.start_share(actor, audience).await.expect("starts");
    let choice = ChooseDestination {
        endpoint_id: endpoint.to_string(),
        segment: DestinationSegment::New { name: "New".to_owned() },
        mode: Mode::Add,
    };
    let chosen = stage.hub.choose_destination(actor, &share, choice).await.expect("fits");
    let links = chosen.fields.iter().map(|field| Link {
        target: field.name.clone(),
        source: Source::Field { name: field.name.clone() },
        transforms: Vec::new(),
    });
    stage.hub.save_mapping(actor, &share, Mapping { links: links.collect() }).await.expect("saves");
    stage.hub.share_now(actor, &share).await.expect("is asked for");
}

#[tokio::test]
async fn every_word_is_found_wherever_it_stands_without_accents_or_case() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let mut labelled = described("4", "Plain", "Nothing special");
        labelled.label = Some(SegmentLabel { owner: Some("Team Kumquat".to_owned()), ..SegmentLabel::default() });
        let segments =
            vec![segment("1", "José & Zoë"), segment("2", "100 % loyal"), segment("3", "Win-back list"), labelled];
        let application = Application::start(segments).await;
        connected(&stage.hub, &actor, "Hafen CRM", &application.url).await;
        assert_eq!(names(&stage, &actor, "jose ZOE").await, ["José & Zoë"]);
        assert_eq!(names(&stage, &actor, "JOSÉ").await, ["José & Zoë"]);
        assert_eq!(
            names(&stage, &actor, "hafen first_name crm north").await.len(),
            3,
            "endpoint, field, tag and description"
        );
        assert_eq!(names(&stage, &actor, "firstname plain").await, ["Plain"], "joined or not");
        assert_eq!(names(&stage, &actor, "100 %").await, ["100 % loyal"]);
        assert_eq!(names(&stage, &actor, "winback").await, ["Win-back list"]);
        assert_eq!(names(&stage, &actor, "win-back").await, ["Win-back list"]);
        assert_eq!(names(&stage, &actor, "kumquat").await, ["Plain"], "the label");
        assert_eq!(names(&stage, &actor, "toolkit endpoint").await.len(), 4, "the application");
        assert_eq!(names(&stage, &actor, "jose nowhere").await, Vec::<String>::new());
        assert_eq!(names(&stage, &actor, "  ").await.len(), 4);
    }
}

#[tokio::test]
async fn the_best_hit_stands_first() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let segments = vec![
            described("1", "A long tail", "Also loyal"),
            described("2", "Disloyal people", "They left"),
            described("3", "Loyalty club", "Members"),
            described("4", "Our loyal people", "They stay"),
            described("5", "Loyal people of the north", "They stay there"),
            described("6", "Loyal", "They stay"),
        ];
        let application = Application::start(segments).await;
        connected(&stage.hub, &actor, "CRM", &application.url).await;
        let expected = [
            "Loyal",
            "Loyal people of the north",
            "Loyalty club",
            "Our loyal people",
            "Disloyal people",
            "A long tail",
        ];
        assert_eq!(names(&stage, &actor, "loyal").await, expected);
        let by_name = AudienceQuery { sort: AudienceSort::Name, ..words("loyal") };
        let first = found(&stage, &actor, &by_name).await.items.remove(0).name;
        assert_eq!(first, "A long tail");
    }
}

#[tokio::test]
async fn slips_are_forgiven_and_said() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let segments = vec![
            described("1", "Newsletter subscribers", "Opted in"),
            described("2", "Lisbon and Porto", "Two cities"),
        ];
        let application = Application::start(segments).await;
        connected(&stage.hub, &actor, "CRM", &application.url).await;
        for typed in ["newsleter", "subscirbers", "subscriebrs", "newsletter subscibers", "subscir"] {
            let page = found(&stage, &actor, &words(typed)).await;
            assert_eq!(page.items[0].name, "Newsletter subscribers", "{typed}");
            assert_eq!(page.corrections.len(), 1, "{typed}: {:?}", page.corrections);
        }
        let page = found(&stage, &actor, &words("lisbn")).await;
        assert_eq!((page.corrections[0].typed.as_str(), page.corrections[0].found.as_str()), ("lisbn", "lisbon"));
        let (from, to) = page.items[0].marks.name[0];
        assert_eq!(&page.items[0].name[from as usize..to as usize], "Lisbon");
        assert!(found(&stage, &actor, &words("lisbon")).await.corrections.is_empty());
    }
}

#[tokio::test]
async fn what_was_found_is_marked_where_it_stands() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "Ångström fans")]).await;
        connected(&stage.hub, &actor, "Hafen CRM", &application.url).await;
        let item = found(&stage, &actor, &words("angst people hafen email crm")).await.items.remove(0);
        let shown = |text: &str, marks: &[(u32, u32)]| {
            marks.iter().map(|(from, to)| text[*from as usize..*to as usize].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown(&item.name, &item.marks.name), ["Ångst"]);
        assert_eq!(shown(item.description.as_deref().unwrap_or_default(), &item.marks.description), ["People"]);
        assert_eq!(shown(&item.endpoint_name, &item.marks.endpoint), ["Hafen", "CRM"]);
        let elsewhere: Vec<_> = item.marks.elsewhere.iter().map(|found| (found.place, found.text.as_str())).collect();
        assert_eq!(elsewhere, [(Place::Field, "email")]);
    }
}

#[tokio::test]
async fn facets_count_what_choosing_them_would_leave() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let days_ago = |days: u64| Some(rfc3339(super::NOON - i64::try_from(days).expect("few") * 86_400_000));
        let of = |id: &str, size: Option<u64>, updated_at: Option<String>, tags: &[&str]| Segment {
            size,
            updated_at,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..segment(id, &format!("Audience {id}"))
        };
        let mut phones = of("3", Some(2_000_000), days_ago(100), &["Mail", "vip"]);
        phones.fields.push(Field::new("phone", FieldKind::Identifier, FieldType::Phone));
        let crm =
            Application::start(vec![of("1", Some(5), days_ago(0), &["mail"]), of("2", None, None, &[]), phones]).await;
        let shop = Application::start(vec![of("4", Some(0), days_ago(3), &["vip"])]).await;
        let crm_id = connected(&stage.hub, &actor, "CRM", &crm.url).await;
        let shop_id = connected(&stage.hub, &actor, "Shop", &shop.url).await;

        let all = found(&stage, &actor, &AudienceQuery::default()).await;
        let counts = |page: &AudiencePage| {
            let endpoints: Vec<_> =
                page.facets.endpoints.iter().map(|facet| (facet.label.clone(), facet.hits)).collect();
            let sizes: Vec<_> = page.facets.sizes.iter().map(|facet| (facet.value, facet.hits)).collect();
            (endpoints, sizes)
        };
        assert_eq!(counts(&all).0, [("CRM".to_owned(), 3), ("Shop".to_owned(), 1)]);
        let sizes = [(SizeBand::Empty, 1), (SizeBand::Hundreds, 1), (SizeBand::Millions, 1), (SizeBand::NotTold, 1)];
        assert_eq!(counts(&all).1, sizes);
        let tags: Vec<_> = all.facets.tags.iter().map(|facet| (facet.value.as_str(), facet.hits)).collect();
        assert_eq!(tags, [("mail", 2), ("vip", 2)], "tags differ by more than case");
        let fresh: Vec<_> = all.facets.freshness.iter().map(|facet| (facet.value, facet.hits)).collect();
        assert_eq!(fresh, [(Freshness::Day, 1), (Freshness::Week, 1), (Freshness::Older, 1), (Freshness::NotTold, 1)]);
        let identifiers: Vec<_> = all.facets.identifiers.iter().map(|facet| (facet.value, facet.hits)).collect();
        assert_eq!(identifiers, [(IdentifierKind::Email, 4), (IdentifierKind::Phone, 1)]);
        assert!(all.facets.shared_to.is_empty(), "nothing is shared");

        // Values of one kind widen each other: their counts stand as if none were chosen. Other kinds narrow them.
        let query = AudienceQuery {
            endpoints: vec![crm_id.clone()],
            tags: vec!["MAIL".to_owned()],
            ..AudienceQuery::default()
        };
        let page = found(&stage, &actor, &query).await;
        assert_eq!(page.total, 2);
        assert_eq!(counts(&page).0, [("CRM".to_owned(), 2)]);
        let both = AudienceQuery { endpoints: vec![crm_id.clone(), shop_id.clone()], ..query.clone() };
        assert_eq!(found(&stage, &actor, &both).await.total, 2);
        let with_phone = AudienceQuery { identifiers: vec![IdentifierKind::Email, IdentifierKind::Phone], ..query };
        assert_eq!(found(&stage, &actor, &with_phone).await.items[0].name, "Audience 3");

        // What is chosen is listed even when nothing is left with it, and the way out is counted.
        let none = AudienceQuery { sizes: vec![SizeBand::Thousands], ..words("audience") };
        let page = found(&stage, &actor, &none).await;
        assert_eq!((page.total, page.nothing.expect("a way out").without_narrowing), (0, 4));
        assert!(page.facets.sizes.iter().any(|facet| facet.value == SizeBand::Thousands && facet.hits == 0));
        let page = found(&stage, &actor, &words("audience qwertzuiop")).await;
        let nothing = page.nothing.expect("says why");
        assert_eq!(
            (nothing.unknown_words, nothing.known_words),
            (vec!["qwertzuiop".to_owned()], vec!["audience".to_owned()])
        );

        let largest = AudienceQuery { sort: AudienceSort::Largest, ..AudienceQuery::default() };
        let order: Vec<_> = found(&stage, &actor, &largest).await.items.into_iter().map(|item| item.name).collect();
        assert_eq!(order, ["Audience 3", "Audience 1", "Audience 4", "Audience 2"], "those of unknown size come last");
        let freshest = AudienceQuery { sort: AudienceSort::Freshest, ..AudienceQuery::default() };
        let order: Vec<_> = found(&stage, &actor, &freshest).await.items.into_iter().map(|item| item.name).collect();
        assert_eq!(order, ["Audience 1", "Audience 4", "Audience 3", "Audience 2"]);

        // Where they are shared is known as soon as it is so.
        let first = found(&stage, &actor, &words("audience 1")).await.items.remove(0);
        shared(&stage, &actor, &first.id, &shop_id).await;
        let page = found(&stage, &actor, &AudienceQuery::default()).await;
        let to: Vec<_> = page.facets.shared_to.iter().map(|facet| (facet.label.as_str(), facet.hits)).collect();
        assert_eq!(to, [("Not shared yet", 3), ("Shop", 1)]);
        let query = AudienceQuery { shared_to: vec![SharedTo::Destination(shop_id)], ..AudienceQuery::default() };
        let page = found(&stage, &actor, &query).await;
        assert_eq!((page.total, page.items[0].shared_to.as_slice()), (1, ["Shop".to_owned()].as_slice()));
    }
}

#[tokio::test]
async fn every_audience_stands_on_exactly_one_page() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let segments = (0..120).map(|number| segment(&number.to_string(), &format!("Audience {number}"))).collect();
        let application = Application::start(segments).await;
        connected(&stage.hub, &actor, "CRM", &application.url).await;
        let mut seen = Vec::new();
        for page in 1..=3 {
            let found = found(&stage, &actor, &AudienceQuery { page, ..words("audience") }).await;
            assert_eq!((found.total, found.pages, found.page), (120, 3, page));
            seen.extend(found.items.into_iter().map(|item| item.name));
        }
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((seen.len(), sorted.len()), (120, 120));
        let beyond = found(&stage, &actor, &AudienceQuery { page: 99, ..AudienceQuery::default() }).await;
        assert_eq!((beyond.page, beyond.items.len()), (3, 20), "beyond the last page is the last page");
    }
}

#[tokio::test]
async fn an_account_finds_only_its_own_audiences() {
    for stage in stages().await {
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let of_ann = Application::start(vec![segment("1", "Secret of Ann")]).await;
        let of_bob = Application::start(vec![segment("1", "Secret of Bob")]).await;
        let ann_id = connected(&stage.hub, &ann, "CRM", &of_ann.url).await;
        connected(&stage.hub, &bob, "CRM", &of_bob.url).await;
        assert_eq!(names(&stage, &ann, "secret").await, ["Secret of Ann"]);
        assert_eq!(names(&stage, &bob, "secret").await, ["Secret of Bob"]);
        let query = AudienceQuery { endpoints: vec![ann_id], ..AudienceQuery::default() };
        let page = found(&stage, &bob, &query).await;
        assert_eq!(
            (page.total, page.facets.endpoints.len()),
            (0, 1),
            "another's endpoint narrows to nothing, and is not named"
        );
        assert!(page.corrections.is_empty());
        // Nor by a word that only the other has.
        assert!(found(&stage, &bob, &words("ann")).await.items.is_empty());
    }
}

#[tokio::test]
async fn only_what_changed_is_written_and_found_at_once() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North"), segment("2", "South")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        let versions = async || {
            let sql = "select name, version from audience order by name";
            let rows = sqlx::query(sql).fetch_all(stage.hub.database().reader()).await.expect("reads");
            rows.iter().map(|row| row.get::<i64, _>("version")).collect::<Vec<_>>()
        };
        let first = versions().await;
        let report = refreshed(&stage, &actor, &id).await;
        assert_eq!((report.offered, report.new, report.changed), (2, 0, 0));
        assert_eq!(versions().await, first, "nothing changed, nothing is written");
        let seen = found(&stage, &actor, &words("north")).await.items.remove(0).seen_at;
        assert_eq!(seen, rfc3339(crate::store::Clock::now_ms(&*stage.clock)), "but it was seen");

        application.change(|says| says.segments[1].description = Some("Warm places".to_owned()));
        let report = refreshed(&stage, &actor, &id).await;
        assert_eq!((report.offered, report.changed), (2, 1));
        let second = versions().await;
        assert_eq!(first[0], second[0], "North is as it was");
        assert!(second[1] > first[1]);
        assert_eq!(names(&stage, &actor, "warm").await, ["South"]);
        application.change(|says| says.segments[1].description = Some("Cool places".to_owned()));
        refreshed(&stage, &actor, &id).await;
        assert_eq!(names(&stage, &actor, "warm").await, Vec::<String>::new(), "the old words are forgotten");
        assert_eq!(names(&stage, &actor, "cool").await, ["South"]);
    }
}

#[tokio::test]
async fn vanished_audiences_are_marked_with_the_shares_they_break_and_come_back() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North"), segment("2", "South")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        let south = found(&stage, &actor, &words("south")).await.items.remove(0);
        shared(&stage, &actor, &south.id, &id).await;
        application.change(|says| says.segments.truncate(1));
        let report = refreshed(&stage, &actor, &id).await;
        assert_eq!((report.offered, report.vanished), (1, 1));
        let page = found(&stage, &actor, &AudienceQuery::default()).await;
        assert_eq!((page.total, page.facets.vanished), (1, 1));
        let error = stage.hub.start_share(&actor, &south.id).await.expect_err("is gone");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");

        let gone = view(&stage, &actor, "south", true).await;
        assert!(gone.summary.vanished_at.is_some());
        assert_eq!((gone.shares.len(), gone.changes[0].change.clone()), (1, ChangeKind::Vanished));
        assert!(
            Some(&gone.summary.seen_at) < gone.summary.vanished_at.as_ref(),
            "it was last seen before it was missed"
        );
        let catalogue = stage.hub.endpoint(&actor, &id).await.expect("shows").catalogue.expect("is a producer");
        assert_eq!((catalogue.broken.len(), catalogue.broken[0].shares.len()), (1, 1));
        assert_eq!(catalogue.broken[0].name, "South");

        application.change(|says| says.segments.push(segment("2", "South again")));
        let report = refreshed(&stage, &actor, &id).await;
        assert_eq!(report.returned, 1);
        let again = view(&stage, &actor, "south", false).await;
        assert_eq!((again.summary.id, again.summary.vanished_at), (south.id, None));
        let changes: Vec<_> = again.changes.into_iter().map(|change| change.change).collect();
        assert!(
            changes.contains(&ChangeKind::Returned)
                && changes.contains(&ChangeKind::Renamed { before: "South".to_owned() })
        );
        let catalogue = stage.hub.endpoint(&actor, &id).await.expect("shows").catalogue.expect("is a producer");
        assert!(catalogue.broken.is_empty());
    }
}

#[tokio::test]
async fn what_changed_is_told_and_sizes_are_kept() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![Segment { size: Some(1_000), ..segment("1", "North") }]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        assert!(view(&stage, &actor, "north", false).await.changes.is_empty(), "that all are new at first is no news");
        for size in [1_010, 2_000, 1_500] {
            application.change(|says| says.segments[0].size = Some(size));
            refreshed(&stage, &actor, &id).await;
        }
        application.change(|says| {
            says.segments[0].fields.remove(1);
            says.segments[0].fields.push(Field::new("city", FieldKind::Attribute, FieldType::String));
            says.segments.push(segment("2", "South"));
        });
        refreshed(&stage, &actor, &id).await;
        let north = view(&stage, &actor, "north", false).await;
        let sizes: Vec<_> = north.sizes.iter().map(|point| (point.size, point.difference)).collect();
        assert_eq!(sizes, [(1_000, None), (1_010, Some(10)), (2_000, Some(990)), (1_500, Some(-500))]);
        let changes: Vec<_> = north.changes.into_iter().map(|change| change.change).collect();
        let fields =
            ChangeKind::Fields { added: vec!["city".into()], removed: vec!["first_name".into()], changed: vec![] };
        let jumps =
            [ChangeKind::Size { before: 2_000, after: 1_500 }, ChangeKind::Size { before: 1_010, after: 2_000 }];
        assert_eq!(changes, [vec![fields], jumps.to_vec()].concat(), "ten more are no jump");
        let catalogue = stage.hub.endpoint(&actor, &id).await.expect("shows").catalogue.expect("is a producer");
        assert_eq!(catalogue.changes.len(), 4);
        assert!(
            catalogue.changes.iter().any(|change| change.audience_name == "South" && change.change == ChangeKind::New)
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_is_down_keeps_its_catalogue_with_its_age() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let other = Application::start(vec![segment("1", "East")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        connected(&stage.hub, &actor, "Shop", &other.url).await;
        let read_at = rfc3339(crate::store::Clock::now_ms(&*stage.clock));
        stage.clock.advance(MINUTE);
        application.change(|says| says.nonsense = true);
        let error = stage.hub.refresh_audiences(&actor, &id).await.expect_err("fails");
        assert!(error.to_string().contains("What was known before is kept"), "{error}");
        let report = stage.hub.refresh_catalogue(&actor).await.expect("the others go on");
        assert_eq!((report.offered, report.failed), (1, vec!["CRM".to_owned()]));
        let page = found(&stage, &actor, &AudienceQuery::default()).await;
        assert_eq!((page.total, page.stale.len()), (2, 1));
        assert_eq!((page.stale[0].endpoint_name.as_str(), page.stale[0].read_at.as_ref()), ("CRM", Some(&read_at)));
        assert!(view(&stage, &actor, "north", false).await.stale.is_some());
        application.change(|says| says.nonsense = false);
        refreshed(&stage, &actor, &id).await;
        assert!(found(&stage, &actor, &AudienceQuery::default()).await.stale.is_empty());
    }
}

#[tokio::test]
async fn label_and_statistics_are_kept_within_bounds() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let label = SegmentLabel {
            provenance: Some("Own\u{0} shop ".to_owned()),
            owner: Some("x".repeat(5_000)),
            consent_basis: Some("  ".to_owned()),
            refresh_cadence: None,
        };
        let of =
            |name: &str, filled: u64| FieldStatistics { name: name.to_owned(), filled, distinct: Some(filled + 1) };
        let statistics =
            SegmentStatistics { rows: 3, fields: vec![of("email", 3), of("unknown", 1), of("first_name", 4)] };
        let told = Segment { label: Some(label), statistics: Some(statistics), ..segment("1", "North") };
        let application = Application::start(vec![told]).await;
        connected(&stage.hub, &actor, "CRM", &application.url).await;
        let north = view(&stage, &actor, "north", false).await;
        let label = north.label.expect("a label");
        assert_eq!((label.provenance.as_deref(), label.consent_basis), (Some("Own shop"), None));
        assert_eq!(label.owner.map(|owner| owner.len()), Some(500));
        let profile = north.profile.expect("statistics");
        assert_eq!(
            (profile.counted_by, profile.rows, profile.fields.len()),
            (CountedBy::Producer, 3, 1),
            "impossible numbers are left out"
        );
        assert_eq!((profile.fields[0].filled, profile.fields[0].distinct), (3, None::<Distinct>));
    }
}

#[tokio::test]
async fn withdrawn_endpoints_and_renewed_names_do_not_need_a_refresh() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "Harbour", &application.url).await;
        assert_eq!(names(&stage, &actor, "harbour").await, ["North"]);
        let writer = stage.hub.database().writer();
        sqlx::query("update endpoint set name = 'Lighthouse' where id = $1")
            .bind(id.as_str())
            .execute(writer)
            .await
            .expect("renames");
        assert_eq!(names(&stage, &actor, "lighthouse").await, ["North"]);
        assert_eq!(names(&stage, &actor, "harbour").await, Vec::<String>::new());
        sqlx::query("delete from endpoint where id = $1").bind(id.as_str()).execute(writer).await.expect("removes");
        assert_eq!(names(&stage, &actor, "").await, Vec::<String>::new());
    }
}
