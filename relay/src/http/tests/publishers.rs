use super::*;

type Headers = Vec<(String, String)>;
type Pairs<'a, 'b> = &'a [(&'b str, &'b str)];

#[tokio::test]
async fn each_way_to_authenticate_works_and_every_wrong_one_has_its_code() {
    let relay = Setup::new().start();
    let body = event_text();
    let with = |secret: &str, at: i64| signed(secret, at, &body).to_vec();
    let one = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let without = |name: &str| {
        with(SECRET, NOW)
            .into_iter()
            .filter(|(n, _)| n != name)
            .collect::<Vec<_>>()
    };
    let bearer = |text: &str| one("authorization", text);
    let both = [with(SECRET, NOW), bearer("Basic dXNlcg==")].concat();
    let rotated = {
        let [id, at, new] = signed(OTHER_SECRET, NOW, &body);
        let [_, _, old] = signed(SECRET, NOW, &body);
        vec![
            id,
            at,
            (
                "webhook-signature".to_owned(),
                format!("{} {}", new.1, old.1),
            ),
        ]
    };
    let twice = [with(SECRET, NOW), one("webhook-id", "msg_2")].concat();
    let cases: Vec<(&str, Headers, u16, &str)> = vec![
        ("signed", with(SECRET, NOW), 202, ""),
        ("signed with the old key", with(OLD_SECRET, NOW), 202, ""),
        ("signed with several", rotated, 202, ""),
        ("signed 300 s ago", with(SECRET, NOW - 300), 202, ""),
        (
            "signed, and somebody's Authorization beside it",
            both,
            202,
            "",
        ),
        ("bearer", bearer(&format!("Bearer {SECRET}")), 202, ""),
        (
            "bearer, the old key",
            bearer(&format!("Bearer {OLD_SECRET}")),
            202,
            "",
        ),
        (
            "bearer, lower case",
            bearer(&format!("bearer  {SECRET}")),
            202,
            "",
        ),
        ("nothing", vec![], 401, "unauthenticated"),
        (
            "another secret",
            bearer(&format!("Bearer {OTHER_SECRET}")),
            401,
            "unauthenticated",
        ),
        ("no secret", bearer("Bearer "), 401, "unauthenticated"),
        ("no scheme", bearer(SECRET), 401, "unauthenticated"),
        (
            "another scheme",
            bearer("Basic dXNlcjpwYXNz"),
            401,
            "unauthenticated",
        ),
        ("no id", without("webhook-id"), 401, "unauthenticated"),
        (
            "no timestamp",
            without("webhook-timestamp"),
            401,
            "unauthenticated",
        ),
        (
            "no signature",
            without("webhook-signature"),
            401,
            "unauthenticated",
        ),
        ("two ids", twice, 401, "unauthenticated"),
        (
            "another key",
            with(OTHER_SECRET, NOW),
            401,
            "signature_invalid",
        ),
        (
            "another body",
            signed(SECRET, NOW, "{}").to_vec(),
            401,
            "signature_invalid",
        ),
        ("too old", with(SECRET, NOW - 301), 401, "signature_expired"),
        (
            "from the future",
            with(SECRET, NOW + 301),
            401,
            "signature_expired",
        ),
    ];
    for (name, headers, status, code) in cases {
        let answer = relay.post("/events", &pairs(&headers), body.clone()).await;
        if status == 202 {
            assert_eq!(answer.status, 202, "{name}: {answer:?}");
        } else {
            answer.refuses(status, code);
        }
        assert!(
            !answer.text.contains(SECRET) && !answer.text.contains(OTHER_SECRET),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_app_can_turn_the_bearer_off() {
    let mut setup = Setup::new();
    setup.apps[0].bearer = false;
    let relay = setup.start();
    relay
        .publish("/events", event_text())
        .await
        .refuses(403, "bearer_disabled");
    let body = event_text();
    let answer = relay
        .post("/events", &pairs(&signed(SECRET, NOW, &body)), body)
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn several_apps_are_told_apart_by_name_and_by_key() {
    let relay = Setup::two_apps().start();
    let body = event_text();
    let one = format!("Bearer {SECRET}");
    let cases: [(Pairs<'_, '_>, u16, &str); 7] = [
        (&[("relay-app", "one"), ("authorization", &one)], 202, ""),
        (
            &[("relay-app", "two"), ("authorization", &one)],
            401,
            "unauthenticated",
        ),
        (
            &[("relay-app", "three"), ("authorization", &one)],
            401,
            "app_unknown",
        ),
        (
            &[("relay-app", ""), ("authorization", &one)],
            401,
            "app_unknown",
        ),
        (
            &[
                ("relay-app", "one"),
                ("relay-app", "one"),
                ("authorization", &one),
            ],
            401,
            "app_unknown",
        ),
        (&[("authorization", &one)], 400, "app_required"),
        (&[("relay-app", "one")], 401, "unauthenticated"),
    ];
    for (headers, status, code) in cases {
        let answer = relay.post("/events", headers, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{headers:?}"
        );
    }
    let signed_by_two = signed(OTHER_SECRET, NOW, &body);
    let mut headers = pairs(&signed_by_two);
    headers.push(("relay-app", "one"));
    relay
        .post("/events", &headers, body.clone())
        .await
        .refuses(401, "signature_invalid");
    headers.pop();
    headers.push(("relay-app", "two"));
    assert_eq!(relay.post("/events", &headers, body).await.status, 202);
}

#[tokio::test]
async fn one_app_may_be_named_but_not_misnamed() {
    let relay = Setup::new().start();
    let bearer = format!("Bearer {SECRET}");
    let headers = |app| [("authorization", bearer.as_str()), ("relay-app", app)];
    let named = relay
        .post("/events", &headers("default"), event_text())
        .await;
    assert_eq!(named.status, 202, "{named:?}");
    relay
        .post("/events", &headers("x"), event_text())
        .await
        .refuses(401, "app_unknown");
}
