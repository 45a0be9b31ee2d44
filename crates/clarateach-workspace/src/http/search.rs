//! `GET /search`: the query, a place among the searches, an end when the client is gone.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, Response, StatusCode};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Call;
use super::body::{self, Body};
use super::bound::blocking;
use super::error::HttpError;
use crate::files::path::FilePath;
use crate::files::search::{Case, Patience, Search, SearchExtent, Syntax, Words};

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 1000;
/// How long a search waits for its turn: those before it may be about to end.
const TURN_LIMIT: Duration = Duration::from_secs(3);

enum Target {
    Names,
    Contents,
}

pub(super) async fn answer(call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET])?;
    let (search, target) = parse(call.query())?;
    let places = Arc::clone(&call.app.search_places);
    let place = timeout(TURN_LIMIT, places.acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        return Err(HttpError::Busy {
            what: "other searches are running".to_owned(),
        });
    };
    let gone = CancellationToken::new();
    // A client that leaves drops this call.
    let _guard = gone.clone().drop_guard();
    let root = Arc::clone(&call.app.root);
    let found = blocking(move || {
        let _place = place;
        let patience = Patience::new(gone);
        Ok::<_, HttpError>(match target {
            Target::Names => body::json(StatusCode::OK, &search.names(&root, &patience)?),
            Target::Contents => body::json(StatusCode::OK, &search.contents(&root, &patience)?),
        })
    });
    found.await?
}

fn parse(query: &str) -> Result<(Search, Target), HttpError> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|error| HttpError::input("query", error.to_string()))?;
    let mut search = Search {
        query: String::new(),
        path: FilePath::root(),
        case: Case::Smart,
        syntax: Syntax::Plain,
        words: Words::Any,
        globs: Vec::new(),
        extent: SearchExtent::Usual,
        limit: DEFAULT_LIMIT,
    };
    let mut target = Target::Names;
    for (name, value) in pairs {
        match name.as_str() {
            "q" => search.query = value,
            "path" => search.path = FilePath::from_text(&value)?,
            "glob" => search.globs.push(value),
            "in" => {
                target = one_of(
                    "in",
                    &value,
                    [("names", Target::Names), ("contents", Target::Contents)],
                )?;
            }
            "case" => {
                let cases = [
                    ("smart", Case::Smart),
                    ("sensitive", Case::Sensitive),
                    ("insensitive", Case::Insensitive),
                ];
                search.case = one_of("case", &value, cases)?;
            }
            "regex" => {
                let choices = [("true", Syntax::Regex), ("false", Syntax::Plain)];
                search.syntax = one_of("regex", &value, choices)?;
            }
            "word" => {
                let choices = [("true", Words::Whole), ("false", Words::Any)];
                search.words = one_of("word", &value, choices)?;
            }
            "all" => {
                let choices = [("true", SearchExtent::All), ("false", SearchExtent::Usual)];
                search.extent = one_of("all", &value, choices)?;
            }
            "limit" => {
                let limit = value.parse().ok();
                search.limit = limit
                    .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                    .ok_or_else(|| HttpError::input("limit", "limit is a number from 1 to 1000"))?;
            }
            _ => {
                let message = format!("a search has no {name:?}");
                return Err(HttpError::input("query", message));
            }
        }
    }
    Ok((search, target))
}

fn one_of<T, const N: usize>(
    field: &'static str,
    value: &str,
    choices: [(&'static str, T); N],
) -> Result<T, HttpError> {
    let names = choices.each_ref().map(|(name, _)| *name).join(", ");
    let mut choices = choices.into_iter();
    choices
        .find_map(|(name, choice)| (name == value).then_some(choice))
        .ok_or_else(|| HttpError::input(field, format!("{field} is one of {names}")))
}
