//! How the peers are set up: as their own documentation tells somebody who wants them fast, one worker each where that
//! is a setting (client and upstream have the other core).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

/// Where a peer listens, what is behind it, and what it may write.
pub(super) struct Place<'a, Bases> {
    pub(super) folder: &'a Path,
    pub(super) listen: SocketAddr,
    pub(super) upstream: SocketAddr,
    /// Bases of the seats; with one only, everything is passed on.
    pub(super) bases: Bases,
}

pub(super) fn nginx<'a>(
    place: Place<'a, impl Iterator<Item = &'a str>>,
    with_auth: bool,
    command: &mut Command,
) -> Result<()> {
    let Place {
        folder,
        listen,
        upstream,
        bases,
    } = place;
    let dir = folder.display();
    let bases: Vec<&str> = bases.collect();
    let check = if with_auth { "auth_request /auth;" } else { "" };
    let locations: String = match bases.as_slice() {
        [_] => format!("location / {{ {check} proxy_pass http://seats; }}\n"),
        many => many
            .iter()
            .map(|base| format!("location {base} {{ {check} proxy_pass http://seats; }}\n"))
            .collect(),
    };
    let text = format!(
        "daemon off;
worker_processes 1;
user root;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections 18000; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream seats {{
        server {upstream};
        keepalive 512;
        keepalive_requests 100000000;
    }}
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_read_timeout 3600s;
    proxy_max_temp_file_size 0;
    server {{
        listen {listen} backlog=4096;
        location = /auth {{
            internal;
            proxy_pass http://seats/auth;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
            proxy_set_header Connection '';
        }}
        {locations}
    }}
}}
"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, text)?;
    command.arg("-e").arg(folder.join("error.log"));
    command.arg("-p").arg(folder).arg("-c").arg(file);
    Ok(())
}

pub(super) fn haproxy<'a>(
    place: Place<'a, impl Iterator<Item = &'a str>>,
    command: &mut Command,
) -> Result<()> {
    let Place {
        folder,
        listen,
        upstream,
        bases,
    } = place;
    let bases: Vec<&str> = bases.collect();
    let choice = match bases.as_slice() {
        [_] => "default_backend seats".to_owned(),
        many => {
            let map: String = many.iter().map(|base| format!("{base} seats\n")).collect();
            let file = folder.join("routes.map");
            fs::write(&file, map)?;
            format!("use_backend %[path,map_beg({})]", file.display())
        }
    };
    let text = format!(
        "global
    maxconn 9500
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    timeout http-keep-alive 1h
    option forwardfor
frontend door
    bind {listen} backlog 4096
    {choice}
backend seats
    http-reuse always
    server seat {upstream} maxconn 9500
"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, text)?;
    command.arg("-db").arg("-f").arg(file);
    Ok(())
}

pub(super) fn caddy<Bases>(place: &Place<'_, Bases>, command: &mut Command) -> Result<()> {
    let Place {
        folder,
        listen,
        upstream,
        ..
    } = place;
    let text = format!(
        "{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
}}
http://{listen} {{
    bind 127.0.0.1
    forward_auth {upstream} {{
        uri /auth
    }}
    reverse_proxy {upstream} {{
        transport http {{
            keepalive_idle_conns_per_host 512
        }}
    }}
}}
"
    );
    let file = folder.join("Caddyfile");
    fs::write(&file, text)?;
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(file);
    // It keeps its state there.
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, folder);
    }
    Ok(())
}

/// Of configurable-http-proxy's interface for routes.
pub(super) const CHP_TOKEN: &str = "of-the-benchmark";

pub(super) fn chp<Bases>(
    place: &Place<'_, Bases>,
    control: SocketAddr,
    command: &mut Command,
    takes_everything: bool,
) {
    let (listen, upstream) = (place.listen, place.upstream);
    command
        .args(["--ip", "127.0.0.1", "--port", &listen.port().to_string()])
        .args(["--api-ip", "127.0.0.1", "--api-port"])
        .arg(control.port().to_string())
        .args(["--log-level", "error"])
        .env("CONFIGPROXY_AUTH_TOKEN", CHP_TOKEN);
    if takes_everything {
        command.args(["--default-target", &format!("http://{upstream}")]);
    }
}
