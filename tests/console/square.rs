//! The model square, as anybody sees it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::world::World;

fn names(page: &Page) -> Vec<String> {
    page.texts("table.square td:first-child a")
}

#[actix_web::test]
async fn anybody_sees_the_models_with_what_they_cost_and_nothing_else() {
    let world = World::start();
    let (stranger, admin) = (world.stranger(), world.admin().await);
    for (model, visible, enabled) in [("hidden-one", false, true), ("disabled-one", true, false), ("plain-one", true, true)] {
        let body = json!({ "provider": "openai", "model": model, "visible": visible, "enabled": enabled });
        admin.api(Method::POST, "/api/models", body).await;
    }
    let mapping = json!({ "provider": "claude", "inboundModels": ["claude-alias"], "upstreamModel": "claude-haiku-4-5" });
    admin.api(Method::POST, "/api/model-mappings", mapping).await;
    admin.api(Method::POST, "/api/models", json!({ "provider": "claude", "model": "claude-alias" })).await;
    let page = stranger.get("/model-square").await.shown();
    let told = stranger.api(Method::GET, "/api/model-square", Value::Null).await;
    let rows = page.rows_of("table.square");
    assert_eq!(rows.len(), told["models"].as_array().unwrap().len());
    for model in told["models"].as_array().unwrap() {
        let name = model["model"].as_str().unwrap();
        let row = rows.iter().find(|row| row.cells()[0].ends_with(name)).unwrap_or_else(|| panic!("no {name} on {page}"));
        if model["unpriced"] == true {
            assert_eq!(row.cells()[2], "No price yet");
            continue;
        }
        for (head, field) in [
            ("Input", "inputPricePerMTok"),
            ("Output", "outputPricePerMTok"),
            ("Cache write, 1 h", "cacheCreation1hPricePerMTok"),
        ] {
            let shown: f64 = row.cell(head).trim_start_matches('$').parse().unwrap();
            assert!((shown - model[field].as_f64().unwrap()).abs() < 1e-12, "{head} of {name}");
        }
    }
    let alias = rows.iter().find(|row| row.cells()[0] == "claude-alias").unwrap();
    assert_eq!((alias.cell("Input"), alias.cell("Output")), ("$1.00", "$5.00"), "an alias costs what it is billed");
    for secret in ["hidden-one", "disabled-one", "Scripted", "/admin"] {
        assert!(!page.body.contains(secret), "{secret} is on the page");
    }
    assert_eq!(stranger.get("/model-square/model?provider=openai&name=hidden-one").await.status, 404);
    assert_eq!(stranger.get("/model-square/model?provider=openai&name=disabled-one").await.status, 404);
    let alias = stranger.get("/model-square/model?provider=claude&name=claude-alias").await.shown();
    assert!(!alias.body.contains("claude-haiku-4-5") && !alias.body.contains("Scripted"), "{alias}");
    assert!(page.has("a[href='/sign-in']") && page.has("a[href='/register']"), "the ways in");
    admin.api(Method::PATCH, "/api/settings", json!({ "registrationEnabled": false })).await;
    assert!(!stranger.get("/model-square").await.has("a[href='/register']"));
    assert!(admin.get("/model-square").await.has("a[href='/console']"));
}

#[actix_web::test]
async fn models_are_searched_filtered_sorted_and_paged() {
    let world = World::start();
    let (stranger, admin) = (world.stranger(), world.admin().await);
    for at in 0..60 {
        admin.api(Method::POST, "/api/models", json!({ "provider": "openai", "model": format!("many-{at:02}") })).await;
    }
    let dear = json!({ "provider": "openai", "model": "many-07", "inputPricePerMTok": 20, "outputPricePerMTok": 40 });
    admin.api(Method::POST, "/api/model-prices", dear).await;
    let first = stranger.get("/model-square?query=MANY").await.shown();
    assert_eq!((names(&first).len(), names(&first)[0].as_str()), (50, "many-00"));
    let second = stranger.get(&first.attribute("a[rel=next]", "href").unwrap()).await.shown();
    assert_eq!((names(&second).len(), second.has("a[rel=prev]")), (10, true));
    for order in ["asc", "desc"] {
        let sorted = stranger.get(&format!("/model-square?query=many&sort=input&sortDir={order}")).await.shown();
        assert_eq!(names(&sorted)[0], "many-07", "what has no price comes last");
    }
    assert_eq!(names(&stranger.get("/model-square?query=many&price=priced").await.shown()), ["many-07"]);
    assert_eq!(stranger.get("/model-square?query=many&price=unpriced").await.count("table.square tbody tr"), 50);
    assert!(!names(&stranger.get("/model-square?price=5").await.shown()).contains(&"many-07".to_owned()));
    let claude = stranger.submit(&first, "form.filters", &[("query", ""), ("provider", "claude")]).await.shown();
    assert!(names(&claude).iter().all(|name| name.starts_with("claude")), "{claude}");
    let none = stranger.get("/model-square?query=nothing-like-it").await.shown();
    assert_eq!(none.text(".empty b"), "Nothing matches these filters");
    assert_eq!(stranger.get("/model-square?page=99").await.shown().count("table"), 0);
}

#[actix_web::test]
async fn sample_calls_are_in_the_right_protocol_and_work() {
    let world = World::start();
    let (stranger, admin) = (world.stranger(), world.admin().await);
    admin.api(Method::POST, "/api/models", json!({ "provider": "openai", "model": "odd'/\"name" })).await;
    let page = |provider: &str, name: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("provider", provider)
            .append_pair("name", name)
            .finish();
        format!("/model-square/model?{query}")
    };
    for (provider, name, route) in [
        ("claude", "claude-haiku-4-5", "/v1/messages"),
        ("openai", "gpt-5-mini", "/v1/chat/completions"),
        ("openai", "text-embedding-3-small", "/v1/embeddings"),
    ] {
        let shown = stranger.get(&page(provider, name)).await.shown();
        let calls = shown.attributes("pre", "id").iter().map(|id| shown.text(&format!("#{id}"))).collect::<Vec<_>>();
        assert_eq!(calls.len(), 3);
        assert!(calls[0].contains(&format!("{}{route}", world.site)), "{}", calls[0]);
        assert!(calls.iter().all(|call| call.contains(name) && call.contains("YOUR_API_KEY") && !call.contains("sk-relay")));
        let filled = calls[0].replace("YOUR_API_KEY", &world.key).replace("curl ", "curl -sS --noproxy '*' ").replace('\\', "");
        let output = std::process::Command::new("sh").args(["-c", &filled]).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer["error"].is_null() && answer.is_object(), "{filled}: {answer}");
    }
    let odd = stranger.get(&page("openai", "odd'/\"name")).await.shown();
    assert!(odd.text("#call-1").contains(r#""odd'\''/\"name""#), "{}", odd.text("#call-1"));
}
