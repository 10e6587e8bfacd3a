//! What an endpoint says of itself with its key: its fields, its address; and what it can't say.

use std::time::Duration;

use model::{
    contract::{EndpointRegistration, Movement, ProducerSide},
    id::EndpointId,
    view::{Actor, AudienceQuery, EndpointHealth},
};

use super::{
    Stage, admin,
    application::{Application, KEY, fields, segment},
    connected, stages,
    webhooks::Shop,
};
use crate::registry::EndpointActor;

/// A connected application that has an endpoint key, too.
struct Scene {
    stage: Stage,
    actor: Actor,
    application: Application,
    id: EndpointId,
    caller: EndpointActor,
}

impl Scene {
    async fn all() -> Vec<Self> {
        let mut scenes = Vec::new();
        for stage in stages().await {
            let actor = admin(&stage.hub, "ann@example.org").await;
            let application = Application::start(vec![segment("1", "North")]).await;
            let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
            let key = stage.hub.make_endpoint_key(&actor, &id).await.expect("is made");
            let caller = stage.hub.endpoint_of_key(&key.0).await.expect("looks").expect("is known");
            scenes.push(Self { stage, actor, application, id, caller });
        }
        scenes
    }

    async fn registration(&self) -> EndpointRegistration {
        self.stage.hub.registered_endpoint(&self.caller).await.expect("is known").description.into()
    }

    async fn refused(&self, registration: EndpointRegistration, field: &str) -> String {
        let error = self.stage.hub.register_endpoint(&self.caller, registration).await.expect_err("is refused");
        error.problem_of(field).unwrap_or_else(|| panic!("{error:?}")).to_owned()
    }
}

#[tokio::test]
async fn an_endpoint_changes_its_fields_by_itself() {
    for scene in Scene::all().await {
        let mut registration = scene.registration().await;
        let mut taken = fields();
        taken[0].required = true;
        taken.push(model::field::Field::new(
            "phone",
            model::field::FieldKind::Identifier,
            model::field::FieldType::Phone,
        ));
        registration.description.description = Some("With telephones".to_owned());
        registration.description.consumer.as_mut().expect("takes").fields = taken.clone();
        let known = scene.stage.hub.register_endpoint(&scene.caller, registration).await.expect("is taken");
        assert_eq!(known.url.as_deref(), Some(scene.application.url.as_str()));
        let view = scene.stage.hub.endpoint(&scene.actor, &scene.id).await.expect("is there");
        assert_eq!((view.destination_fields, view.description.as_deref()), (taken, Some("With telephones")));
    }
}

#[tokio::test]
async fn a_new_address_is_called_once_its_key_is_said() {
    for scene in Scene::all().await {
        let elsewhere = Application::start(vec![segment("2", "South")]).await;
        let registration = scene.registration().await;
        let moved = EndpointRegistration { url: Some(elsewhere.url.clone()), ..registration.clone() };
        let message = scene.refused(moved.clone(), "authentication_key").await;
        assert!(message.contains("Another host"), "{message}");
        let told = EndpointRegistration { authentication_key: Some(KEY.to_owned()), ..moved };
        assert!(!format!("{told:?}").contains(KEY));
        let known = scene.stage.hub.register_endpoint(&scene.caller, told).await.expect("is taken");
        assert_eq!(known.url.as_deref(), Some(elsewhere.url.as_str()));
        assert!(!serde_json::to_string(&known).expect("is JSON").contains(KEY));
        let asked = async {
            loop {
                let found = scene.stage.hub.audiences(&scene.actor, &AudienceQuery::default()).await.expect("searches");
                if found.items.iter().any(|audience| audience.name == "South") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asked).await.expect("it is asked there, and soon");
        let view = scene.stage.hub.endpoint(&scene.actor, &scene.id).await.expect("is there");
        assert_eq!(view.summary.health, EndpointHealth::Healthy);
        // On the same host a new key or path needs nothing else.
        let again = EndpointRegistration { authentication_key: Some(KEY.to_owned()), url: None, ..registration };
        scene.stage.hub.register_endpoint(&scene.caller, again).await.expect("is taken");
    }
}

#[tokio::test]
async fn what_can_not_be_said_is_refused_at_its_field_and_nothing_is_kept() {
    for scene in Scene::all().await {
        let before = scene.registration().await;
        let with = |url: &str| EndpointRegistration {
            url: Some(url.to_owned()),
            authentication_key: Some(KEY.to_owned()),
            ..before.clone()
        };
        for (url, expected) in [
            ("", "Enter the address"),
            ("crm.example.org", "not an address"),
            ("ftp://crm.example.org/", "must begin with"),
            ("http://10.0.0.1/", "not public"),
            ("http://169.254.169.254/latest/", "not public"),
            ("https://[::1]/", "not public"),
            ("http://93.184.216.34/", "http://"),
            ("https://ann:secret@crm.example.org/", "user name"),
        ] {
            let message = scene.refused(with(url), "url").await;
            assert!(message.contains(expected) && !message.contains("secret"), "{url}: {message}");
        }
        let blank = EndpointRegistration { authentication_key: Some("two words".to_owned()), ..before.clone() };
        scene.refused(blank, "authentication_key").await;
        let mut other = before.clone();
        other.description.producer = Some(ProducerSide { movement: Movement::Push });
        scene.refused(other, "producer").await;
        assert_eq!(scene.registration().await, before);
    }
}

#[tokio::test]
async fn an_application_that_is_not_called_has_no_address() {
    for stage in stages().await {
        let shop = Shop::open(&stage).await;
        let known = stage.hub.registered_endpoint(&shop.caller).await.expect("is known");
        assert_eq!(known.url, None);
        let told =
            EndpointRegistration { url: Some("https://shop.example.org/".to_owned()), ..known.description.into() };
        let error = stage.hub.register_endpoint(&shop.caller, told).await.expect_err("is refused");
        assert!(error.problem_of("url").is_some(), "{error:?}");
    }
}
