//! `GET /sessions/{sessionId}/events`: who may read, what they may ask, and what a page of the log is. What a stream
//! says is tested over a socket.

use http::Method;

use super::*;

const PATH: &str = "/sessions/abc-123/events";
const PAGE: &str = "https://x.cdn.prod.atlassian-dev.net";
const STREAM: (&str, &str) = ("accept", "text/event-stream");

impl Relay {
    /// Publishes `n = 1..=count` into `abc-123`; answers with the cursors.
    async fn publish_numbers(&self, count: usize) -> Vec<String> {
        let mut cursors = Vec::new();
        for n in 1..=count {
            let mut event = event();
            event["payload"] = json!({ "n": n });
            event["nonce"] = json!(format!("n-{n}"));
            let receipt = self.publish("/events", event.to_string()).await.json();
            cursors.push(receipt["cursor"].as_str().unwrap().to_owned());
        }
        cursors
    }

    async fn options(&self, path: &str, origin: Option<&str>) -> Answer {
        let mut request = Request::options(path);
        if let Some(origin) = origin {
            request = request
                .header("origin", origin)
                .header("access-control-request-method", "GET")
                .header(
                    "access-control-request-headers",
                    "authorization,last-event-id",
                );
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

fn numbers(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events
        .iter()
        .map(|e| e["payload"]["n"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_a_hole_or_an_overlap() {
    let relay = Setup::new().start();
    let cursors = relay.publish_numbers(7).await;
    let mut path = format!("{PATH}?limit=3");
    let mut all = Vec::new();
    for (length, more) in [(3, true), (3, true), (1, false), (0, false)] {
        let answer = relay.read(&path, SECRET, &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let page = answer.json();
        assert_eq!(numbers(&page).len(), length, "{page}");
        assert_eq!(page["more"], more, "{page}");
        all.extend(numbers(&page));
        assert_eq!(page["cursor"], *cursors[all.len() - 1], "{page}");
        path = format!("{PATH}?limit=3&after={}", page["cursor"].as_str().unwrap());
    }
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_page_is_the_text_that_serde_would_write() {
    let relay = Setup::new().start();
    let cursors = relay.publish_numbers(2).await;
    let answer = relay.read(PATH, SECRET, &[]).await;
    let page = answer.json();
    let envelope = |index: usize| {
        let event = &page["events"][index];
        format!(
            r#"{{"id":{},"sessionId":"abc-123","seq":{},"cursor":"{}","event":"vote.cast","payload":{{"n":{}}},"timestamp":"2024-05-01T10:00:00Z"}}"#,
            event["id"],
            index + 1,
            cursors[index],
            index + 1
        )
    };
    assert_eq!(
        answer.text,
        format!(
            r#"{{"events":[{},{}],"cursor":"{}","more":false}}"#,
            envelope(0),
            envelope(1),
            cursors[1]
        )
    );
}

#[tokio::test]
async fn a_page_has_at_most_100_events_unless_told_otherwise_and_one_mebibyte() {
    let relay = Setup::new().start();
    relay.publish_numbers(101).await;
    let page = relay.read(PATH, SECRET, &[]).await.json();
    assert_eq!((numbers(&page).len(), &page["more"]), (100, &json!(true)));
    let page = relay
        .read(&format!("{PATH}?limit=500"), SECRET, &[])
        .await
        .json();
    assert_eq!((numbers(&page).len(), &page["more"]), (101, &json!(false)));

    let relay = Setup::new().start();
    for n in 0..40 {
        let mut event = event();
        event["payload"] = json!("x".repeat(60_000));
        event["nonce"] = json!(n.to_string());
        assert_eq!(
            relay.publish("/events", event.to_string()).await.status,
            202
        );
    }
    let answer = relay.read(PATH, SECRET, &[]).await;
    let count = answer.json()["events"].as_array().unwrap().len();
    assert_eq!((count, answer.text.len() <= 1 << 20), (17, true));
    assert_eq!(answer.json()["more"], true);
}

#[tokio::test]
async fn a_session_never_seen_is_empty_and_its_cursor_is_one() {
    let relay = Setup::new().start();
    let page = relay.read(PATH, SECRET, &[]).await.json();
    assert_eq!((numbers(&page), &page["more"]), (vec![], &json!(false)));
    let cursor = page["cursor"].as_str().unwrap();
    let again = relay.read(PATH, SECRET, &[]).await.json();
    assert_eq!(again["cursor"], cursor);
    let first = relay.publish_numbers(1).await;
    let page = relay
        .read(&format!("{PATH}?after={cursor}"), SECRET, &[])
        .await
        .json();
    assert_eq!(
        (numbers(&page), &page["cursor"]),
        (vec![1], &json!(first[0]))
    );
}

#[tokio::test]
async fn a_place_that_is_not_there_is_410_with_the_reason_and_where_to_go_on() {
    let mut setup = Setup::new();
    setup.limits.log_events = 3;
    let relay = setup.start();
    let cursors = relay.publish_numbers(5).await;
    let (epoch, _) = cursors[0].split_once('-').unwrap();
    let future = format!("{epoch}-99");
    for (after, reason) in [
        (&*cursors[0], "trimmed"),
        (&*future, "unknown_cursor"),
        ("0123456789abcdef-2", "epoch_changed"),
        ("garbage", "unknown_cursor"),
        ("", "unknown_cursor"),
        ("%FF%00", "unknown_cursor"),
    ] {
        let answer = relay
            .read(&format!("{PATH}?after={after}"), SECRET, &[])
            .await;
        let problem = answer.refuses(410, "resync");
        assert_eq!(problem["reason"], reason, "{after}");
        assert_eq!(problem["cursor"], *cursors[4], "{after}");
    }
    // The oldest that is kept is where a page without a place begins.
    let page = relay.read(PATH, SECRET, &[]).await.json();
    assert_eq!(numbers(&page), [3, 4, 5]);
    let page = relay
        .read(&format!("{PATH}?after={}", cursors[1]), SECRET, &[])
        .await
        .json();
    assert_eq!(numbers(&page), [3, 4, 5]);
    assert!(
        relay
            .metrics
            .encode()
            .contains("relay_resyncs_total{reason=\"trimmed\"} 1\n")
    );
}

#[tokio::test]
async fn parameters_are_checked_and_all_that_is_wrong_is_told() {
    let relay = Setup::new().start();
    for (query, field, code) in [
        ("limit=0", "/limit", "range"),
        ("limit=501", "/limit", "range"),
        ("limit=ten", "/limit", "wrong_type"),
        ("limit=1&limit=2", "/limit", "duplicate"),
        ("aftr=x", "/aftr", "unknown"),
    ] {
        let answer = relay.read(&format!("{PATH}?{query}"), SECRET, &[]).await;
        let problem = answer.refuses(422, "invalid");
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{query}");
        assert_eq!(
            (&errors[0]["field"], &errors[0]["code"]),
            (&json!(field), &json!(code))
        );
    }
    let answer = relay
        .read("/sessions/a%20b/events?limit=0&x", SECRET, &[])
        .await;
    let problem = answer.refuses(422, "invalid");
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    assert_eq!(fields, ["/sessionId", "/x", "/limit"]);
    for path in [
        "/sessions/%FF/events",
        "/sessions/%2F/events",
        "/sessions//events",
    ] {
        relay.read(path, SECRET, &[]).await.refuses(422, "invalid");
    }
    relay
        .read(&format!("{PATH}?limit=5"), SECRET, &[STREAM])
        .await
        .refuses(422, "invalid");
}

#[tokio::test]
async fn publishers_read_with_their_secret_and_nobody_elses() {
    let relay = Setup::new().start();
    for secret in [SECRET, OLD_SECRET] {
        assert_eq!(relay.read(PATH, secret, &[]).await.status, 200);
    }
    relay
        .read(PATH, OTHER_SECRET, &[])
        .await
        .refuses(401, "unauthenticated");
    relay.get(PATH).await.refuses(401, "unauthenticated");
    relay
        .get(&format!("{PATH}?limit=x"))
        .await
        .refuses(401, "unauthenticated");
    let signed = signed(SECRET, NOW, "");
    let request = pairs(&signed)
        .into_iter()
        .fold(Request::get(PATH), |request, (name, value)| {
            request.header(name, value)
        });
    let answer = relay.send(request.body(Body::empty()).unwrap()).await;
    answer.refuses(401, "unauthenticated");

    let mut setup = Setup::new();
    setup.apps[0].bearer = false;
    let relay = setup.start();
    relay
        .read(PATH, SECRET, &[])
        .await
        .refuses(403, "bearer_disabled");
    assert_eq!(
        relay
            .read(PATH, &mint(SECRET, NOW, 300, None), &[])
            .await
            .status,
        200
    );

    let relay = Setup::two_apps().start();
    relay
        .read(PATH, SECRET, &[])
        .await
        .refuses(400, "app_required");
    relay
        .read(PATH, SECRET, &[("relay-app", "three")])
        .await
        .refuses(401, "app_unknown");
    relay
        .read(PATH, SECRET, &[("relay-app", "two")])
        .await
        .refuses(401, "unauthenticated");
    assert_eq!(
        relay
            .read(PATH, SECRET, &[("relay-app", "one")])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn subscribers_read_the_session_of_their_token_and_no_other() {
    let relay = Setup::new().start();
    relay.publish_numbers(2).await;
    let token = mint(SECRET, NOW, 300, None);
    assert_eq!(numbers(&relay.read(PATH, &token, &[]).await.json()), [1, 2]);
    for other in ["/sessions/abc-124/events", "/sessions/a%20b/events?limit=0"] {
        relay
            .read(other, &token, &[])
            .await
            .refuses(403, "session_mismatch");
        relay
            .read(other, &token, &[STREAM])
            .await
            .refuses(403, "session_mismatch");
    }
    relay
        .read(PATH, &mint(SECRET, NOW - 400, 300, None), &[])
        .await
        .refuses(401, "token_expired");
    relay
        .read(PATH, &mint(SECRET, NOW + 60, 300, None), &[])
        .await
        .refuses(401, "token_not_yet_valid");
    relay
        .read(PATH, &mint(OTHER_SECRET, NOW, 300, None), &[])
        .await
        .refuses(401, "token_invalid");
    relay
        .read(PATH, &format!("{token}x"), &[STREAM])
        .await
        .refuses(401, "token_invalid");

    let relay = Setup::two_apps().start();
    let token = mint(SECRET, NOW, 300, Some("one"));
    assert_eq!(relay.read(PATH, &token, &[]).await.status, 200);
    assert_eq!(
        relay
            .read(PATH, &token, &[("relay-app", "one")])
            .await
            .status,
        200
    );
    relay
        .read(PATH, &token, &[("relay-app", "two")])
        .await
        .refuses(401, "token_invalid");
    relay
        .read(PATH, &token, &[("relay-app", "three")])
        .await
        .refuses(401, "app_unknown");
    relay
        .read(PATH, &mint(SECRET, NOW, 300, Some("two")), &[])
        .await
        .refuses(401, "token_invalid");
}

#[tokio::test]
async fn apps_do_not_see_each_others_sessions() {
    let relay = Setup::two_apps().start();
    let mut body = event();
    body["payload"] = json!({ "n": 1 });
    let headers = [
        ("authorization", &*format!("Bearer {SECRET}")),
        ("relay-app", "one"),
    ];
    assert_eq!(
        relay
            .post("/events", &headers, body.to_string())
            .await
            .status,
        202
    );
    let page = relay
        .read(PATH, &mint(OTHER_SECRET, NOW, 300, Some("two")), &[])
        .await
        .json();
    assert!(numbers(&page).is_empty());
    let page = relay
        .read(PATH, &mint(SECRET, NOW, 300, Some("one")), &[])
        .await
        .json();
    assert_eq!(numbers(&page), [1]);
}

#[tokio::test]
async fn only_allowed_pages_may_read_what_is_answered() {
    let relay = Setup::new().start();
    let token = mint(SECRET, NOW, 300, None);
    let good = relay.read(PATH, &token, &[("origin", PAGE)]).await;
    let refused = relay.read(PATH, "x", &[("origin", PAGE)]).await;
    refused.refuses(401, "unauthenticated");
    for answer in [&good, &refused] {
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "retry-after, x-request-id"
        );
        assert_eq!(answer.header("vary"), "origin, accept");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
        let answer = relay.read(PATH, &token, &headers).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "",
            "{origin:?}"
        );
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "",
            "{origin:?}"
        );
        assert_eq!(answer.header("vary"), "origin, accept", "{origin:?}");
    }

    // Whose page it is counts as soon as it is known whose request it is.
    let mut setup = Setup::two_apps();
    setup.apps[1].allowed_origins = vec![OriginPattern::parse("https://two.example").unwrap()];
    let relay = setup.start();
    for (app, secret, origin) in [
        ("one", SECRET, PAGE),
        ("two", OTHER_SECRET, "https://two.example"),
    ] {
        let token = mint(secret, NOW, 300, Some(app));
        for asked in [PAGE, "https://two.example"] {
            let answer = relay.read(PATH, &token, &[("origin", asked)]).await;
            let expected = if asked == origin { origin } else { "" };
            assert_eq!(answer.header("access-control-allow-origin"), expected);
            assert_eq!(
                relay
                    .options(PATH, Some(asked))
                    .await
                    .header("access-control-allow-origin"),
                asked
            );
        }
    }
}

#[tokio::test]
async fn a_preflight_says_what_an_allowed_page_may_send() {
    let relay = Setup::new().start();
    let answer = relay.options(PATH, Some(PAGE)).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(
        answer.header("access-control-allow-methods"),
        "GET, HEAD, OPTIONS"
    );
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "authorization, last-event-id, relay-app"
    );
    assert_eq!(answer.header("access-control-max-age"), "600");
    assert_eq!(answer.header("vary"), "origin, accept");
    for origin in [Some("https://evil.example"), None] {
        let answer = relay.options(PATH, origin).await;
        assert_eq!(answer.status, 204);
        assert!(
            !answer
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("access-control")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are_and_head_is_get_without_a_body() {
    let relay = Setup::new().start();
    let answer = relay.post(PATH, &[], "").await;
    answer.refuses(405, "method_not_allowed");
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert!(answer.header("allow").contains(method), "{answer:?}");
    }
    let head = |accept: &str| {
        let request = Request::builder().method(Method::HEAD).uri(PATH);
        let request = request
            .header("authorization", format!("Bearer {SECRET}"))
            .header("accept", accept);
        relay.send(request.body(Body::empty()).unwrap())
    };
    let page = head("*/*").await;
    assert_eq!((page.status.as_u16(), &*page.text), (200, ""));
    assert_eq!(page.header("content-type"), "application/json");
    let stream = head("text/event-stream").await;
    assert_eq!((stream.status.as_u16(), &*stream.text), (200, ""));
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-cache, no-transform");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert!(relay.metrics.encode().contains("\nconnected_clients 0\n"));
}

#[tokio::test]
async fn a_relay_that_drains_begins_no_streams_and_still_answers_pages() {
    let relay = Setup::new().start();
    relay.ready.start_draining();
    let answer = relay.read(PATH, SECRET, &[STREAM]).await;
    answer.refuses(503, "draining");
    assert!((1..=3).contains(&answer.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(relay.read(PATH, SECRET, &[]).await.status, 200);
    let metrics = relay.metrics.encode();
    assert!(
        metrics.contains("relay_connections_refused_total{code=\"draining\"} 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_account_that_connects_too_often_waits_and_a_publisher_does_not() {
    let setup = Setup {
        rates: Rates {
            connects_per_account: 1,
            ..Rates::from(&limits())
        },
        ..Setup::new()
    };
    let relay = setup.start();
    let token = mint(SECRET, NOW, 300, None);
    let head = |bearer: &str| {
        let request = Request::builder().method(Method::HEAD).uri(PATH);
        let request = request
            .header("authorization", format!("Bearer {bearer}"))
            .header(STREAM.0, STREAM.1);
        relay.send(request.body(Body::empty()).unwrap())
    };
    for _ in 0..5 {
        assert_eq!(head(&token).await.status, 200);
    }
    let answer = head(&token).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty());
    for _ in 0..20 {
        assert_eq!(head(SECRET).await.status, 200);
    }
}

#[tokio::test]
async fn reads_count_with_the_requests_of_their_address() {
    let mut setup = Setup::new();
    setup.rates.requests_per_address = 1;
    let relay = setup.start();
    assert_eq!(relay.publish("/events", event_text()).await.status, 202);
    for _ in 0..3 {
        assert_eq!(relay.read(PATH, SECRET, &[]).await.status, 200);
    }
    // Whoever asks, and also with nothing to show: to check a secret costs more than to count.
    relay
        .read(PATH, "wrong", &[])
        .await
        .refuses(401, "unauthenticated");
    for headers in [&[][..], &[STREAM]] {
        let origin = [headers, &[("origin", PAGE)]].concat();
        let answer = relay.read(PATH, SECRET, &origin).await;
        answer.refuses(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), "1");
        // A page can see why, and when to come back.
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    }
    // Preflights, and others, go on.
    assert_eq!(relay.options(PATH, Some(PAGE)).await.status, 204);
    let mut request = Request::get(PATH).body(Body::empty()).unwrap();
    let bearer = format!("Bearer {SECRET}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let answer = relay.send_from("203.0.113.10:4711", request).await;
    assert_eq!(answer.status, 200);
}
