//! `POST /exec`: the request's checks, a place among the programs.

use std::path::PathBuf;
use std::sync::Arc;

use clarateach_protocol::seat::ExecRequest;
use hyper::{Method, Response, StatusCode};

use super::Call;
use super::body::{self, Body};
use super::bound::blocking;
use super::error::HttpError;
use crate::exec::Program;
use crate::files::FilesError;
use crate::files::path::FilePath;

/// Input and environment of a program.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

pub(super) async fn post(call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::POST])?;
    call.access.require_control()?;
    let app = Arc::clone(&call.app);
    let request: ExecRequest = body::read_json(call.request, MAX_BODY_BYTES).await?;
    let place = Arc::clone(&app.exec_places).try_acquire_owned();
    let Ok(_place) = place else {
        return Err(HttpError::Busy {
            what: "other programs are being run".to_owned(),
        });
    };
    let folder = FilePath::from_text(request.cwd.as_deref().unwrap_or_default())?;
    let builder = Arc::clone(&app);
    let program = blocking(move || {
        // Found by the kernel below the root before a program gets its name.
        let opened = builder.root.open_folder(&folder);
        opened.map_err(|errno| FilesError::of("open", &folder, errno))?;
        let below = (!folder.is_root()).then(|| PathBuf::from(folder.as_os_str()));
        let bench = &builder.bench;
        let program = Program::new(request, below.as_deref(), bench, &builder.bound)?;
        Ok::<_, HttpError>(program)
    });
    let program = program.await??;
    let result = program.run(Arc::clone(&app.bench.children)).await?;
    Ok(body::json(StatusCode::OK, &result))
}
