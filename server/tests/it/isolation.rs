//! Nothing of an account is seen, guessed or reached from outside of it, on any way in: every page of the app's route list, every server function of the
//! inventory, every operation of the API's document and every other route in the source is tried as another account's admin, as a viewer, as nobody and
//! with a wrong key. Each has a rule here; a new one without a rule fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use hub::Hub;
use model::{
    people::JoinSignUp,
    recurrence::{BlackoutForm, ScheduleForm},
    view::{Actor, AudienceQuery, Connect, Role, SignIn},
};
use reqwest::{Client, Method, StatusCode};
use sqlx::{Connection, SqliteConnection};

use crate::installation::{BEACON_KEY, Browser, HARBOR_KEY, Installation, PASSWORD, demo_share};

const OWNER: &str = "quentin@marigold.example";
const VIEWER: &str = "vera@marigold.example";

/// Who may see a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Everybody; it is before the door.
    Door,
    /// Everybody who is signed in, with what is theirs.
    Own,
    /// Everybody in the account that owns what is named.
    Named,
    /// Its admins.
    Admins,
    /// Operators of the installation, of whom none is here.
    Operators,
}

const PAGES: &[(&str, Page)] = &[
    ("/sign-in", Page::Door),
    ("/sign-up", Page::Door),
    // For whoever has come from the provider just now; nobody has.
    ("/sign-in/identity", Page::Door),
    // With a token that is nobody's: whoever has a real one is let in by it.
    ("/invitation/:token", Page::Door),
    ("/", Page::Own),
    ("/audiences", Page::Own),
    ("/audiences/:audience", Page::Named),
    ("/shares", Page::Own),
    ("/shares/:share", Page::Named),
    ("/shares/:share/audience", Page::Named),
    ("/shares/:share/versions", Page::Named),
    ("/shares/:share/templates", Page::Named),
    ("/shares/:share/changes", Page::Named),
    ("/shares/:share/destination", Page::Named),
    ("/shares/:share/mapping", Page::Named),
    ("/shares/:share/when", Page::Named),
    ("/shares/:share/review", Page::Named),
    ("/templates", Page::Own),
    ("/endpoints/:consumer/share", Page::Named),
    ("/schedule", Page::Own),
    ("/schedule/blackouts", Page::Own),
    ("/schedule/:share/:slot", Page::Named),
    ("/runs", Page::Own),
    ("/runs/:run", Page::Named),
    ("/endpoints", Page::Own),
    ("/endpoints/:endpoint", Page::Named),
    ("/endpoints/:endpoint/credentials", Page::Named),
    // There is no newer version of its application.
    ("/endpoints/:endpoint/version", Page::Named),
    ("/endpoints/:endpoint/disconnect", Page::Named),
    ("/connect", Page::Own),
    ("/connect/:application", Page::Own),
    ("/account", Page::Own),
    ("/people", Page::Own),
    ("/people/invitations/:invitation", Page::Admins),
    ("/profile", Page::Own),
    ("/shares/:share/alerts", Page::Named),
    ("/alerts", Page::Own),
    ("/account/alerts", Page::Own),
    ("/endpoints/:endpoint/disconnect", Page::Named),
    ("/applications", Page::Own),
    ("/applications/:drafted", Page::Named),
    ("/applications/:drafted/about", Page::Named),
    ("/applications/:drafted/types", Page::Named),
    ("/applications/:drafted/addresses", Page::Named),
    ("/applications/:drafted/fields", Page::Named),
    ("/applications/:drafted/delivery", Page::Named),
    ("/applications/:drafted/credentials", Page::Named),
    ("/applications/:drafted/test-drive", Page::Named),
    ("/applications/:drafted/submit", Page::Named),
    ("/review", Page::Operators),
    ("/review/:application", Page::Operators),
];

/// Who may call a server function, and with what effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Everybody, also who is not signed in.
    Anyone,
    /// Everybody with this role, for what is theirs: nothing of another account can be named.
    Own(Role),
    /// Everybody with this role in the account that owns what is named.
    Named(Role),
    /// Operators of the installation, of whom none is here.
    Operators,
}

use Role::{Admin, Member, Viewer};

/// Server functions with what they are called with; `{word}` is the owner's thing of that name.
const CALLS: &[(&str, Call, &str)] = &[
    ("find_places", Call::Own(Viewer), "text=marigold"),
    ("take_flash", Call::Anyone, "path=/people"),
    ("who_is_here", Call::Own(Viewer), ""),
    ("switch_account", Call::Named(Viewer), "account_id={account}"),
    ("home", Call::Own(Viewer), ""),
    ("retention", Call::Own(Viewer), ""),
    ("set_retention", Call::Own(Admin), "retention_days=3"),
    ("audience", Call::Named(Viewer), "id={audience}"),
    ("audience_sample", Call::Named(Member), "id={audience}"),
    ("search_audiences", Call::Own(Viewer), r#"{"query":{"text":"","endpoints":["{endpoint}"],"page":1}}"#),
    ("refresh_audience", Call::Named(Member), "audience_id={audience}"),
    ("refresh_catalogue", Call::Own(Member), ""),
    ("applications", Call::Own(Viewer), ""),
    ("application", Call::Own(Viewer), "id=app_harbor_crm"),
    ("connect", Call::Own(Admin), "application_id=app_harbor_crm&name=X&base_url=&authentication_key=&intent=connect"),
    ("endpoint", Call::Named(Viewer), "id={endpoint}"),
    ("check_endpoint", Call::Named(Member), "id={endpoint}"),
    ("endpoints", Call::Own(Viewer), ""),
    ("anew_page", Call::Named(Viewer), "id={endpoint}"),
    ("connect_anew", Call::Named(Admin), "id={endpoint}&version=1&keep=true&intent=save"),
    ("endpoint_stamp", Call::Named(Viewer), "id={agent}"),
    ("endpoint_segments", Call::Named(Viewer), "id={consumer}"),
    ("change_endpoint", Call::Named(Member), "what=pause&id={endpoint}"),
    ("disconnect_endpoint", Call::Named(Admin), "id={endpoint}&name=Velvet CRM"),
    ("sign_in", Call::Anyone, "email=quentin@marigold.example&password=not his password"),
    ("sign_up", Call::Anyone, "account_name=&user_name=&email=&password="),
    ("invitation", Call::Anyone, "token=0123"),
    ("join", Call::Anyone, "token=0123"),
    ("join_signing_in", Call::Anyone, "token=0123&email=quentin@marigold.example&password=not his password"),
    ("join_signing_up", Call::Anyone, "token=0123&user_name=X&email=x@example.org&password=a long enough one"),
    ("ways_at_the_door", Call::Anyone, ""),
    // Of whoever has come from the provider in the same session; nobody has.
    ("unconnected_identity", Call::Anyone, ""),
    ("prove_identity", Call::Anyone, "password=not his password"),
    ("sign_up_with_identity", Call::Anyone, "account_name=X&user_name=X"),
    ("connect_identity", Call::Own(Viewer), ""),
    ("own_sign_in_ways", Call::Own(Viewer), ""),
    ("disconnect_identity", Call::Named(Viewer), "identity_id={identity}"),
    ("people", Call::Own(Viewer), ""),
    ("invite", Call::Own(Admin), "email=no address&role=admin"),
    ("invitation_link", Call::Named(Admin), "invitation_id={invitation}"),
    ("withdraw_invitation", Call::Named(Admin), "invitation_id={invitation}"),
    ("change_role", Call::Named(Admin), "user_id={viewer}&role=member"),
    ("remove_person", Call::Named(Admin), "user_id={owner}"),
    ("change_profile", Call::Own(Viewer), "user_name=&email=quentin@marigold.example"),
    ("change_password", Call::Own(Viewer), "current_password=&new_password="),
    ("runs", Call::Own(Viewer), "text=&state=&share={share}&endpoint={endpoint}&within=&before="),
    ("run", Call::Named(Viewer), "id={run}"),
    ("decide_run", Call::Named(Member), "run_id={run}&reason=so&decision=approve"),
    ("cancel_run", Call::Named(Member), "run_id={run}"),
    ("pause_run", Call::Named(Member), "run_id={run}&pause=true"),
    ("retry_run", Call::Named(Member), "run_id={run}"),
    ("change_schedule", Call::Named(Member), "what=pause&id={share}"),
    ("calendar", Call::Own(Viewer), "span=month&day=&zone=UTC&endpoint={endpoint}&share={share}&outcome="),
    ("end_calendar_feed", Call::Own(Viewer), ""),
    ("blackouts", Call::Own(Viewer), ""),
    ("add_blackout", Call::Own(Member), "name=&days[kind]=span"),
    ("remove_blackout", Call::Named(Member), "id={blackout}"),
    ("occurrence", Call::Named(Viewer), "share_id={share}&slot={slot}"),
    ("schedule_of_share", Call::Named(Viewer), "share_id={share}"),
    (
        "preview_schedule",
        Call::Named(Viewer),
        "share_id={share}&schedule[kind]=repeats&schedule[zone]=UTC&schedule[every]=1&schedule[unit]=days&schedule[times]=09:00",
    ),
    ("audience_step", Call::Named(Viewer), "share_id={share}"),
    ("choose_audience", Call::Named(Member), "share_id={share}&audience_id={audience}"),
    ("answer_changes", Call::Named(Member), "share_id={share}&what=noted"),
    ("destination_page", Call::Named(Viewer), "share_id={share}"),
    ("existing_segments", Call::Named(Viewer), "endpoint_id={consumer}"),
    (
        "choose_destination",
        Call::Named(Member),
        "share_id={share}&endpoint_id={consumer}&segment_choice=new&segment_name=Mine&mode=add",
    ),
    ("mapping_page", Call::Named(Viewer), "share_id={share}&values_shown=false"),
    ("show_values", Call::Named(Member), "share_id={share}"),
    ("save_mapping", Call::Named(Member), r#"{"share_id":"{share}","mapping":{"links":[]}}"#),
    ("save_mapping_form", Call::Named(Member), "share_id={share}"),
    ("pre_flight_result", Call::Named(Viewer), "share_id={share}"),
    ("review_page", Call::Named(Viewer), "share_id={share}"),
    ("share_now", Call::Named(Member), "share_id={share}"),
    ("share_templates", Call::Named(Viewer), "share_id={share}"),
    ("apply_template", Call::Named(Member), "share_id={share}&template_id={template}"),
    ("save_template", Call::Named(Member), "share_id={share}&name=Taken"),
    ("versions_page", Call::Named(Viewer), "share_id={share}"),
    ("restore_mapping", Call::Named(Member), "share_id={share}&version=1"),
    ("when_page", Call::Named(Viewer), "share_id={share}"),
    ("save_when", Call::Named(Member), "share_id={share}&mode=add&duplicates=keep&shrink_limit=20"),
    ("start_share", Call::Named(Member), "audience_id={audience}"),
    ("share", Call::Named(Viewer), "id={share}"),
    ("shares", Call::Own(Viewer), "text=&state=&before="),
    ("discard_share", Call::Named(Member), "share_id={share}"),
    ("copy_share", Call::Named(Member), "share_id={share}"),
    ("delete_share", Call::Named(Member), "share_id={share}"),
    ("templates", Call::Own(Viewer), ""),
    ("change_template", Call::Named(Member), "template_id={template}&what=delete"),
    ("unread_alerts", Call::Own(Viewer), ""),
    ("alerts", Call::Own(Viewer), ""),
    ("read_alerts", Call::Own(Viewer), "until=0"),
    ("alert_settings", Call::Own(Viewer), ""),
    ("set_alert_rules", Call::Own(Admin), "rules[reject_percent]=none"),
    ("mail_alerts_to", Call::Named(Admin), "user_id={owner}&is_told=true"),
    ("add_alert_webhook", Call::Own(Admin), "url=no address"),
    ("change_alert_webhook", Call::Named(Admin), "id={alert_webhook}&change=remove"),
    ("test_alerts", Call::Named(Admin), "channel=webhook&receiver={alert_webhook}"),
    ("share_alerts", Call::Named(Viewer), "id={share}"),
    ("set_share_alert_rules", Call::Named(Member), "share_id={share}&own=on&rules[failed]=on"),
    ("change_endpoint", Call::Named(Member), "what=pause&id={endpoint}"),
    ("disconnect_endpoint", Call::Named(Admin), "id={endpoint}&name=Velvet CRM"),
    ("endpoint_segments", Call::Named(Viewer), "id={consumer}"),
    ("endpoint_stamp", Call::Named(Viewer), "id={endpoint}"),
    ("credential_end", Call::Named(Viewer), "id={endpoint}"),
    ("note_credential_end", Call::Named(Admin), "id={endpoint}&credential_end=2030-01-01"),
    ("run_details", Call::Named(Viewer), "id={run}"),
    ("run_filters", Call::Own(Viewer), ""),
    ("own_applications", Call::Own(Viewer), ""),
    ("begin_application", Call::Own(Admin), "name="),
    ("page_of_application", Call::Named(Viewer), "id={drafted}"),
    ("draft_of_application", Call::Named(Viewer), "id={drafted}"),
    ("move_application", Call::Named(Admin), "id={drafted}&what=discard"),
    ("save_application_about", Call::Named(Admin), "id={drafted}&name=Taken"),
    ("remove_application_logo", Call::Named(Admin), "id={drafted}"),
    ("save_application_types", Call::Named(Admin), "id={drafted}&producer=PULL"),
    ("save_application_addresses", Call::Named(Admin), "id={drafted}&base=https://elsewhere.example/"),
    ("save_application_field", Call::Named(Admin), "id={drafted}&field_name=email&kind=identifier&field_type=email"),
    ("remove_application_field", Call::Named(Admin), "id={drafted}&field_name=email"),
    ("save_application_delivery", Call::Named(Admin), "id={drafted}&add=on"),
    ("save_application_credentials", Call::Named(Admin), "id={drafted}&mode=key"),
    ("test_drive", Call::Named(Viewer), "id={drafted}"),
    ("start_test_drive", Call::Named(Admin), "id={drafted}&base_url=https://elsewhere.example/"),
    ("make_trial_endpoint", Call::Named(Admin), "id={drafted}"),
    ("submit_application", Call::Named(Admin), "id={drafted}"),
    ("applications_to_review", Call::Operators, ""),
    ("review_of_application", Call::Operators, "id={drafted}"),
    ("decide_application", Call::Operators, "id={drafted}&decision=approve&changes=0"),
];

/// Every other route of people and of machines, with its method.
const OTHERS: &[(&str, &str, Call)] = &[
    ("GET", "/events/runs", Call::Own(Viewer)),
    ("GET", "/events/runs/{run}", Call::Named(Viewer)),
    ("POST", "/account/alerts/webhooks/{alert_webhook}/secret", Call::Named(Admin)),
    ("GET", "/runs/{run}/rejects.csv", Call::Named(Member)),
    ("GET", "/runs/{run}/receipt.json", Call::Named(Viewer)),
    ("POST", "/runs/{run}/repair", Call::Named(Member)),
    ("POST", "/receipts/check", Call::Own(Viewer)),
    ("POST", "/schedule/address", Call::Own(Viewer)),
    ("POST", "/schedule/blackouts/file", Call::Own(Member)),
    ("GET", "/connect/consented", Call::Own(Admin)),
    ("GET", "/sign-in/provider", Call::Anyone),
    // Without anything that was begun.
    ("GET", "/sign-in/provider/return", Call::Anyone),
    ("GET", "/invitation/{token}/provider", Call::Anyone),
    ("POST", "/endpoints/{agent}/key", Call::Named(Admin)),
    ("POST", "/endpoints/{agent}/webhook-secret", Call::Named(Admin)),
    ("POST", "/sign-out", Call::Anyone),
    ("GET", "/logos/{file}", Call::Named(Viewer)),
    ("POST", "/applications/{drafted}/logo", Call::Named(Admin)),
    ("POST", "/applications/{drafted}/fields-file", Call::Named(Admin)),
    ("GET", "/healthz", Call::Anyone),
    ("GET", "/readyz", Call::Anyone),
    ("GET", "/metrics", Call::Anyone),
    ("GET", "/receipt-key", Call::Anyone),
    // By whoever knows the address; with one that is nobody's.
    ("GET", "/calendar/{file}", Call::Anyone),
    ("GET", "/openapi.json", Call::Anyone),
    ("GET", "/docs", Call::Anyone),
];

/// An account with something of everything.
struct Owned {
    /// Ids by the words of the rules.
    things: BTreeMap<&'static str, String>,
    /// Words that nobody else knows.
    marks: Vec<String>,
}

impl Owned {
    fn filled(&self, text: &str) -> String {
        self.things.iter().fold(text.to_owned(), |text, (word, id)| {
            text.replace(&format!("{{{word}}}"), id).replace(&format!(":{word}"), id)
        })
    }

    /// What of the account stands in an answer, but for what was asked with.
    fn leaked<'a>(&'a self, answer: &str, asked: &str) -> Vec<&'a String> {
        self.marks.iter().filter(|mark| answer.contains(mark.as_str()) && !asked.contains(mark.as_str())).collect()
    }
}

async fn sign_in(hub: &Hub, email: &str) -> Actor {
    hub.sign_in(SignIn { email: email.to_owned(), password: PASSWORD.to_owned() }, None).await.unwrap()
}

async fn connect(hub: &Hub, actor: &Actor, application: &str, name: &str, url: &str, key: &str) -> String {
    let form = Connect {
        application_id: application.to_owned(),
        name: name.to_owned(),
        base_url: url.to_owned(),
        authentication_key: key.to_owned(),
        ..Connect::default()
    };
    hub.connect_endpoint(actor, form).await.unwrap().to_string()
}

async fn own(hub: &Hub, owner: &Actor, harbor: &str, beacon: &str) -> Owned {
    let endpoint = connect(hub, owner, "app_harbor_crm", "Velvet CRM", harbor, HARBOR_KEY).await;
    let consumer = connect(hub, owner, "app_beacon_mail", "Beacon Mail", beacon, BEACON_KEY).await;
    let agent = connect(hub, owner, "app_toolkit_agent", "Umber shop", "", "").await;
    let share = demo_share(hub, owner).await;
    let zone = "UTC".to_owned();
    let daily = ScheduleForm {
        kind: "repeats".to_owned(),
        zone: zone.clone(),
        every: "1".to_owned(),
        unit: "days".to_owned(),
        times: "09:00".to_owned(),
        ..ScheduleForm::default()
    };
    hub.save_schedule(owner, &share, &daily).await.unwrap();
    hub.start_schedule(owner, &share).await.unwrap();
    let run = hub.share_now(owner, &share).await.unwrap();
    let template = hub.save_template(owner, &share, "Saffron mapping").await.unwrap();
    let blackout = BlackoutForm {
        name: "Cerise holidays".to_owned(),
        kind: "span".to_owned(),
        zone,
        first: "2026-12-24".to_owned(),
        ..BlackoutForm::default()
    };
    hub.add_blackout(owner, &blackout).await.unwrap();
    let alert_webhook = hub.add_alert_webhook(owner, "https://magenta.example/told").await.unwrap();
    let drafted = hub.begin_application(owner, "Heliotrope desk").await.unwrap();
    let blackout = hub.blackouts(owner).await.unwrap().remove(0).id;
    let view = hub.share(owner, &share).await.unwrap();
    let invited = hub.invite(owner, VIEWER, Some(Viewer)).await.unwrap();
    let token = hub.invitation_link(owner, &invited).await.unwrap().token.unwrap();
    let form =
        JoinSignUp { user_name: "Vera Vine".to_owned(), email: VIEWER.to_owned(), password: PASSWORD.to_owned() };
    let viewer = hub.join_signing_up(form, &token).await.unwrap();
    let invitation = hub.invite(owner, "ivo@marigold.example", Some(Member)).await.unwrap();
    let audience = view.audience.id.to_string();
    let audience_name = view.audience.name.clone();
    let things = BTreeMap::from([
        ("account", owner.account_id.to_string()),
        ("owner", owner.user_id.to_string()),
        ("viewer", viewer.user_id.to_string()),
        ("endpoint", endpoint),
        ("consumer", consumer),
        ("agent", agent),
        ("audience", audience),
        ("share", share.to_string()),
        ("run", run.to_string()),
        ("template", template.to_string()),
        ("blackout", blackout.to_string()),
        ("invitation", invitation.to_string()),
        ("slot", next_at_nine().to_string()),
        ("drafted", drafted.to_string()),
        ("alert_webhook", alert_webhook.to_string()),
        ("token", "0123".to_owned()),
        ("application", "app_harbor_crm".to_owned()),
        ("file", "nobodys.ics".to_owned()),
    ]);
    let names = [
        OWNER,
        VIEWER,
        "ivo@marigold.example",
        "Marigold Holdings",
        "Quentin Quince",
        "Vera Vine",
        "Velvet CRM",
        "Umber shop",
        "Saffron mapping",
        "Cerise holidays",
        "Heliotrope desk",
        "magenta.example",
        &audience_name,
    ];
    let ids = things.iter().filter(|(word, _)| !["slot", "token", "application", "file"].contains(word));
    let marks = ids.map(|(_, id)| id.clone()).chain(names.into_iter().map(str::to_owned)).collect();
    Owned { things, marks }
}

/// Who the owner is at a provider: written where a sign-in there would write it.
async fn own_identity(installation: &Installation, owner: &Actor) -> String {
    let mut database = SqliteConnection::connect(&installation.database_url()).await.unwrap();
    let sql = "insert into user_identity (id, user_id, issuer, subject, created_at)
        values ('idn_of_quentin', $1, 'https://login.marigold.example', 'person-7', 0)";
    sqlx::query(sql).bind(owner.user_id.as_str()).execute(&mut database).await.unwrap();
    "idn_of_quentin".to_owned()
}

/// The next time that it is 09:00 in UTC, in milliseconds since 1970.
fn next_at_nine() -> i64 {
    const DAY: i64 = 86_400_000;
    let now = hub::store::Clock::now_ms(&hub::store::SystemClock);
    let today = now / DAY * DAY + 9 * 3_600_000;
    if today > now { today } else { today + DAY }
}

/// What of the account could have been changed, as its admin is told.
async fn state_of(owner: &Browser, owned: &Owned) -> Vec<String> {
    let mut state = Vec::new();
    for (call, arguments) in [
        ("endpoint", "id={endpoint}"),
        ("endpoint", "id={agent}"),
        ("share", "id={share}"),
        ("schedule_of_share", "share_id={share}"),
        ("templates", ""),
        ("blackouts", ""),
        ("people", ""),
        ("own_sign_in_ways", ""),
        ("retention", ""),
        ("alert_settings", ""),
        ("share_alerts", "id={share}"),
        ("draft_of_application", "id={drafted}"),
    ] {
        let answer = called(owner, call, &owned.filled(arguments)).await;
        assert_eq!(answer.0, StatusCode::OK, "{call} {}", answer.1);
        // How the endpoint is at the moment changes by itself.
        let health = |line: &str| line.split("\"health\"").next().unwrap_or_default().to_owned();
        state.push(if call == "endpoint" { health(&answer.1) } else { answer.1 });
    }
    state
}

async fn called(browser: &Browser, call: &str, arguments: &str) -> (StatusCode, String) {
    let path = format!("/api/{call}");
    let headers = [("accept", "application/json")];
    let answer = if arguments.starts_with('{') {
        browser.post_text(&path, "application/json", arguments.to_owned()).await
    } else {
        let pairs: Vec<_> = arguments.split('&').filter_map(|pair| pair.split_once('=')).collect();
        browser.post(&path, &headers, &pairs).await
    };
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn nothing_of_an_account_reaches_anybody_else() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(60).await;
    let (owner, eve, nobody) = (usher.browser(), usher.newcomer("eve@elsewhere.example").await, usher.browser());
    let form = [
        ("account_name", "Marigold Holdings"),
        ("user_name", "Quentin Quince"),
        ("email", OWNER),
        ("password", PASSWORD),
    ];
    assert!(owner.post("/api/sign_up", &[], &form).await.status().is_success());
    let hub = installation.hub().await;
    let actor = sign_in(&hub, OWNER).await;
    let mut owned = own(&hub, &actor, &endpoints.harbor.url, &endpoints.beacon.url).await;
    let identity = own_identity(&installation, &actor).await;
    owned.marks.push(identity.clone());
    owned.things.insert("identity", identity);
    // The whole run, so that there is everything to be had.
    let events = owner.get(&owned.filled("/events/runs/{run}")).await.text().await.unwrap();
    assert!(events.contains("event: run"), "{events}");
    let viewer = usher.browser();
    viewer.sign_in(VIEWER, PASSWORD).await;
    let people = People { owner, viewer, eve, nobody };
    let before = state_of(&people.owner, &owned).await;

    let mut wrong = Vec::new();
    pages(&people, &owned, &mut wrong).await;
    calls(&people, &owned, &mut wrong).await;
    others(&people, &owned, &mut wrong).await;
    let eves = sign_in(&hub, "eve@elsewhere.example").await;
    api(&hub, &eves, &usher.url, &owned, &mut wrong).await;
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(state_of(&people.owner, &owned).await, before, "nothing was changed");
}

struct People {
    owner: Browser,
    viewer: Browser,
    eve: Browser,
    nobody: Browser,
}

async fn pages(people: &People, owned: &Owned, wrong: &mut Vec<String>) {
    let listed = app::routes();
    let known: BTreeSet<_> = PAGES.iter().map(|(path, _)| generic(path)).collect();
    let there: BTreeSet<_> = listed.iter().map(|route| generic(route.path())).collect();
    assert_eq!(there, known, "every page has a rule in PAGES, and every rule a page");
    for (pattern, rule) in PAGES {
        let path = owned.filled(pattern);
        for (who, browser) in
            [("eve", &people.eve), ("nobody", &people.nobody), ("viewer", &people.viewer), ("owner", &people.owner)]
        {
            let answer = browser.request(&path, &[("accept", "text/html")]).await;
            let status = answer.status().as_u16();
            let way = answer.headers().get("location").map(|way| way.to_str().unwrap().to_owned()).unwrap_or_default();
            let text = answer.text().await.unwrap();
            let wanted = match (rule, who) {
                (Page::Door, _)
                | (Page::Own, "eve" | "viewer" | "owner")
                | (Page::Named, "viewer" | "owner")
                | (Page::Admins, "owner") => 200,
                (_, "nobody") => 302,
                (Page::Named | Page::Admins, "eve") => 404,
                (Page::Admins, _) => 403,
                (Page::Operators, _) => 404,
                _ => unreachable!(),
            };
            let wanted = if *pattern == "/invitation/:token" { 404 } else { wanted };
            if status != wanted {
                wrong.push(format!("page {pattern} for {who}: {status}, not {wanted}"));
            }
            if who == "nobody" && wanted == 302 && !way.starts_with("/sign-in") {
                wrong.push(format!("page {pattern} leads nobody to {way}"));
            }
            if matches!(who, "eve" | "nobody") {
                note_leak(wrong, owned, &format!("page {pattern} for {who}"), &text, &path);
            }
        }
    }
}

async fn calls(people: &People, owned: &Owned, wrong: &mut Vec<String>) {
    let listed: BTreeSet<_> =
        app::server_functions().into_iter().map(|path| path.trim_start_matches("/api/").to_owned()).collect();
    let known: BTreeSet<_> = CALLS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(listed, known, "every server function has a rule in CALLS, and every rule a function");
    for (name, rule, arguments) in CALLS {
        let arguments = owned.filled(arguments);
        for (who, browser) in [("nobody", &people.nobody), ("eve", &people.eve), ("viewer", &people.viewer)] {
            let (status, text) = called(browser, name, &arguments).await;
            let status = status.as_u16();
            let about = format!("{name} for {who}: {status} {}", text.chars().take(300).collect::<String>());
            let fits = match (rule, who) {
                (Call::Anyone, _) => status != 500,
                (_, "nobody") => status == 401,
                (Call::Operators, _) => status == 404,
                (Call::Named(_), "eve") => status == 404,
                (Call::Own(_), "eve") => status < 500 && status != 401 && status != 403,
                (Call::Own(role) | Call::Named(role), _) if *role > Viewer => status == 403,
                (Call::Own(_) | Call::Named(_), _) => status < 500 && status != 401 && status != 403,
            };
            if !fits || text.contains("The form is incomplete") {
                wrong.push(about);
            }
            if who != "viewer" {
                note_leak(wrong, owned, &format!("{name} for {who}"), &text, &arguments);
            }
        }
    }
}

async fn others(people: &People, owned: &Owned, wrong: &mut Vec<String>) {
    let known: BTreeSet<_> = OTHERS.iter().map(|(method, path, _)| (generic(path), (*method).to_owned())).collect();
    let mut there = BTreeSet::new();
    routes_in(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut there);
    // Those of the API are its document's matter.
    there.retain(|(path, _)| !path.starts_with("/v1/"));
    assert_eq!(there, known, "every route has a rule in OTHERS, and every rule a route");
    for (method, pattern, rule) in OTHERS {
        // Ends what the others are signed in with.
        if *pattern == "/sign-out" {
            continue;
        }
        let path = owned.filled(pattern);
        for (who, browser) in [("nobody", &people.nobody), ("eve", &people.eve), ("viewer", &people.viewer)] {
            let mut answer = match *method {
                "GET" => browser.get(&path).await,
                _ if ["check", "file", "repair", "logo"].iter().any(|word| pattern.contains(word)) => {
                    let field = if pattern.contains("logo") { "logo" } else { "file" };
                    browser.send_file(&path, field, "a.csv", "email\r\nx@example.org\r\n").await
                }
                _ => browser.post(&path, &[], &[]).await,
            };
            let status = answer.status().as_u16();
            // These have no end: what they begin with is looked at.
            let text = if *pattern == "/events/runs" && status == 200 {
                String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap()
            } else {
                answer.text().await.unwrap()
            };
            let fits = match (rule, who) {
                (Call::Anyone, _) => status < 500,
                // There is no such logo, for anybody.
                (_, "viewer") if *pattern == "/logos/{file}" => status == 404,
                (_, "nobody") => status == 401,
                (Call::Operators, _) => status == 404,
                (Call::Named(_), "eve") => status == 404,
                (Call::Own(_), "eve") => status < 400,
                // A form that is posted to a page of its own says there that it was refused.
                (Call::Own(role) | Call::Named(role), _) if *role > Viewer => status == 403 || status == 303,
                _ => status < 400,
            };
            if !fits {
                wrong.push(format!("{method} {pattern} for {who}: {status} {text}"));
            }
            if who != "viewer" {
                note_leak(wrong, owned, &format!("{method} {pattern} for {who}"), &text, &path);
            }
        }
    }
}

/// Every operation of the API: without a key, with a wrong one, with the key of another account's endpoint.
async fn api(hub: &Hub, eve: &Actor, url: &str, owned: &Owned, wrong: &mut Vec<String>) {
    let client = Client::new();
    let document: serde_json::Value =
        client.get(format!("{url}/openapi.json")).send().await.unwrap().json().await.unwrap();
    let agent = connect(hub, eve, "app_toolkit_agent", "Eves shop", "", "").await;
    let key = hub.make_endpoint_key(eve, &agent.parse().unwrap()).await.unwrap().0;
    let wrong_key = format!("usher_key_{}", "0".repeat(64));
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in
            item.as_object().unwrap().keys().filter(|key| ["get", "put", "post", "delete"].contains(&key.as_str()))
        {
            operations += 1;
            let names_something = path.contains('{');
            let filled = path
                .replace("{endpointId}", &owned.things["agent"])
                .replace("{endpoint}", &owned.things["agent"])
                .replace("{segmentId}", "everybody")
                .replace("{segment}", "everybody")
                .replace("{jobId}", "job_0190")
                .replace("{job}", "job_0190")
                .replace("{part}", "1");
            assert!(!filled.contains('{'), "{path}: say what stands for its parameter");
            for (whose, key) in [("no", None), ("a wrong", Some(&wrong_key)), ("another's", Some(&key))] {
                let method: Method = method.to_uppercase().parse().unwrap();
                let mut request = client.request(method.clone(), format!("{url}{filled}"));
                if let Some(key) = key {
                    request = request.bearer_auth(key);
                }
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap();
                let fits = match (whose, names_something) {
                    ("another's", true) => (400..500).contains(&status) && status != 401,
                    ("another's", false) => status < 500 && status != 401,
                    _ => status == 401,
                };
                if !fits {
                    wrong.push(format!("{method} {path} with {whose} key: {status} {text}"));
                }
                note_leak(wrong, owned, &format!("{method} {path} with {whose} key"), &text, &filled);
            }
        }
    }
    assert!(operations > 10, "{operations}");
    // A viewer's or another account's browser session is nothing here.
    let query = AudienceQuery::default();
    assert_eq!(hub.audiences(eve, &query).await.unwrap().total, 0);
}

fn note_leak(wrong: &mut Vec<String>, owned: &Owned, what: &str, answer: &str, asked: &str) {
    let leaked = owned.leaked(answer, asked);
    if !leaked.is_empty() {
        wrong.push(format!("{what} tells {leaked:?}"));
    }
}

/// A path with its parameters by place: the two routers write them in different ways.
fn generic(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with([':', '{']) { "*" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    if path.is_empty() { "/".to_owned() } else { path }
}

/// The routes that the server's source declares, with their methods.
fn routes_in(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes_in(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for declared in source.split(".route(").skip(1) {
            let declared = declared.trim_start();
            let Some((route, rest)) = declared.strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                continue;
            };
            let rest = rest.split(".route(").next().unwrap_or_default().split(".layer(").next().unwrap_or_default();
            for (word, method) in
                [("get(", "GET"), ("post(", "POST"), ("put(", "PUT"), ("delete(", "DELETE"), ("any(", "ANY")]
            {
                if rest.contains(word) {
                    found.insert((generic(route), method.to_owned()));
                }
            }
        }
    }
}
