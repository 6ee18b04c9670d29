//! The models anybody may see, with what they cost and how to call them.

use std::cmp::Ordering;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use minijinja::context;

use super::snippets;
use crate::console::lists;
use crate::console::render::shown;
use crate::console::visit::Visit;
use crate::services::catalogue::{self, SquareModel};
use crate::services::error::NOT_FOUND;
use crate::services::values::{ListQuery, Page, Usd};
use crate::services::{Served, ServiceError};

/// One dollar, in nanos.
const DOLLAR: i64 = 1_000_000_000;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/model-square", web::get().to(list)).route("/model-square/model", web::get().to(one));
}

/// `GET /model-square`
async fn list(visit: Visit) -> HttpResponse {
    rows(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn rows(visit: &Visit) -> Served<HttpResponse> {
    let asked = lists::asked_by(visit, "model");
    let (provider, price) = (visit.asked("provider"), visit.asked("price"));
    let square = catalogue::model_square(visit.services()).await?;
    let all = square.models.len();
    let wanted = |model: &&SquareModel| {
        provider.as_ref().is_none_or(|wanted| *wanted == model.provider)
            && price.as_deref().is_none_or(|wanted| costs(model, wanted))
            && asked.query.as_deref().is_none_or(|text| is_named(model, text))
    };
    let mut models: Vec<&SquareModel> = square.models.iter().filter(wanted).collect();
    models.sort_by(|a, b| in_order(a, b, &asked));
    let page = cut(models, &asked);
    let values = context! {
        list => lists::view(&asked, &page),
        page => shown(&page),
        all,
        filtered => provider.is_some() || price.is_some() || asked.query.is_some(),
    };
    Ok(visit.page(StatusCode::OK, "square/list.html", values))
}

/// Whether a model's input price is in the range of this name.
fn costs(model: &SquareModel, range: &str) -> bool {
    let at_most = |dollars: i64| model.input_price_per_m_tok.is_some_and(|Usd(price)| price.0 <= dollars * DOLLAR);
    match range {
        "1" => at_most(1),
        "5" => at_most(5),
        "15" => at_most(15),
        "priced" => !model.unpriced,
        "unpriced" => model.unpriced,
        _ => true,
    }
}

fn is_named(model: &SquareModel, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    model.model.to_lowercase().contains(&text) || model.display_name.to_lowercase().contains(&text)
}

/// By the field asked for; what has no price comes last whichever way it goes.
fn in_order(a: &SquareModel, b: &SquareModel, asked: &ListQuery) -> Ordering {
    let turned = |order: Ordering| if asked.sort_dir.as_deref() == Some("asc") { order } else { order.reverse() };
    let prices = |a: Option<Usd>, b: Option<Usd>| match (a, b) {
        (Some(a), Some(b)) => turned(a.cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let first = match asked.sort.as_deref() {
        Some("provider") => turned(a.provider.cmp(&b.provider)),
        Some("input") => prices(a.input_price_per_m_tok, b.input_price_per_m_tok),
        Some("output") => prices(a.output_price_per_m_tok, b.output_price_per_m_tok),
        _ => turned(a.model.cmp(&b.model)),
    };
    first.then_with(|| a.model.cmp(&b.model)).then_with(|| a.provider.cmp(&b.provider))
}

fn cut<'m>(models: Vec<&'m SquareModel>, asked: &ListQuery) -> Page<&'m SquareModel> {
    let total = i64::try_from(models.len()).unwrap_or(i64::MAX);
    let size = usize::try_from(asked.page_size.unwrap_or(total)).unwrap_or(usize::MAX);
    let before = usize::try_from(asked.page.unwrap_or(1).max(1) - 1).unwrap_or(0).saturating_mul(size);
    Page::new(asked, (models.into_iter().skip(before).take(size).collect(), total), |model| model)
}

/// `GET /model-square/model?provider=&name=`
async fn one(visit: Visit) -> HttpResponse {
    let found = catalogue::model_square(visit.services()).await.and_then(|square| {
        let (provider, name) = (visit.asked("provider"), visit.asked("name"));
        let wanted = |model: &SquareModel| Some(&model.provider) == provider.as_ref() && Some(&model.model) == name.as_ref();
        square.models.iter().find(|model| wanted(model)).cloned().ok_or_else(|| ServiceError::new(&NOT_FOUND))
    });
    match found {
        Ok(model) => {
            let base = snippets::base_url(&visit);
            let calls = snippets::calls(&base, &model.provider, &model.model);
            visit.page(StatusCode::OK, "square/model.html", context! { model => shown(&model), calls => shown(&calls), base })
        }
        Err(error) => visit.failure(&error),
    }
}
