//! `/terminals`: list, create, close; the screen as text.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::{CreateTerminal, TerminalList};
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Response, StatusCode};

use super::Call;
use super::body::{self, Body};
use super::bound::blocking;
use super::error::HttpError;
use crate::app::App;
use crate::files::FilesError;
use crate::files::path::FilePath;
use crate::terminal::registry::TerminalError;

const MAX_BODY_BYTES: usize = 16 * 1024;

pub(super) async fn answer(call: Call) -> Result<Response<Body>, HttpError> {
    if let Some(below) = call.below.clone() {
        if let Some(name) = below.strip_suffix("/screen") {
            call.require_method(&[Method::GET, Method::HEAD])?;
            return get_screen(&call, name);
        }
        call.require_method(&[Method::DELETE])?;
        return delete(&call, &below).await;
    }
    call.require_method(&[Method::GET, Method::HEAD, Method::POST])?;
    if call.request.method() == Method::POST {
        return post(call).await;
    }
    let mut terminals = call.app.terminals.list();
    terminals.retain(|terminal| terminal.name.as_str() != TerminalName::PROBE);
    Ok(body::json(StatusCode::OK, &TerminalList { terminals }))
}

async fn post(call: Call) -> Result<Response<Body>, HttpError> {
    call.access.require_control()?;
    let app = Arc::clone(&call.app);
    let wanted: CreateTerminal = body::read_json(call.request, MAX_BODY_BYTES).await?;
    let folder = match &wanted.cwd {
        Some(cwd) => Some(existing_folder(&app, FilePath::from_text(cwd)?).await?),
        None => None,
    };
    let info = app.terminals.create(wanted, folder).await?;
    Ok(body::json(StatusCode::CREATED, &info))
}

async fn delete(call: &Call, name: &str) -> Result<Response<Body>, HttpError> {
    call.access.require_control()?;
    call.app.terminals.close(&parse_name(name)?).await?;
    Ok(body::status(StatusCode::NO_CONTENT))
}

fn parse_name(name: &str) -> Result<TerminalName, TerminalError> {
    name.parse().map_err(|_| TerminalError::NotFound {
        name: name.chars().take(64).collect(),
    })
}

/// The visible rows as text. Asking again costs next to nothing while they are the same.
fn get_screen(call: &Call, name: &str) -> Result<Response<Body>, HttpError> {
    let terminal = call.app.terminals.existing(&parse_name(name)?)?;
    let mut session = terminal.session.lock();
    let etag = format!("\"{}\"", session.screen_version());
    let has_it = call
        .header(IF_NONE_MATCH)
        .is_some_and(|known| known.split(',').any(|known| known.trim() == etag));
    let mut response = if has_it {
        body::status(StatusCode::NOT_MODIFIED)
    } else {
        body::text(session.screen())
    };
    drop(session);
    // Having caught up, the model may have an answer for the program.
    terminal.wake.notify_one();
    let headers = response.headers_mut();
    let etag = HeaderValue::try_from(etag).map_err(|_| HttpError::Internal)?;
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// The folder as the shell gets it, once the kernel has found it below the root.
async fn existing_folder(app: &Arc<App>, path: FilePath) -> Result<PathBuf, HttpError> {
    let root = Arc::clone(&app.root);
    let folder = PathBuf::from(path.as_os_str());
    debug_assert!(!folder.as_os_str().as_bytes().starts_with(b"/"));
    blocking(move || {
        root.open_folder(&path)
            .map(drop)
            .map_err(|errno| FilesError::of("open", &path, errno))
    })
    .await??;
    Ok(folder)
}
