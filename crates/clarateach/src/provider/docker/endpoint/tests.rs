//! Engines as they stand on laptops, in a folder of the test's own.

use super::*;

struct Laptop(tempfile::TempDir);

impl Laptop {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            docker_host: None,
            docker_context: None,
            tls_verify: None,
            config: Some(self.path("home/.docker")),
            home: Some(self.path("home")),
            runtime_dir: Some(self.path("run")),
            standard: self.path("docker.sock"),
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn put(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn socket(&self, below: &str) -> String {
        format!("unix://{}", self.path(below).display())
    }

    /// As `docker context create` and `docker context use` leave it.
    fn context(&self, name: &str, host: &str) {
        let digest = Sha256::digest(name);
        let folder: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let meta = format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        );
        self.put(
            &format!("home/.docker/contexts/meta/{folder}/meta.json"),
            &meta,
        );
        let config = format!(r#"{{"auths":{{}},"currentContext":"{name}"}}"#);
        self.put("home/.docker/config.json", &config);
    }
}

#[test]
fn the_standard_socket_comes_before_those_at_home_and_counts_where_there_is_none() {
    let laptop = Laptop::new();
    assert_eq!(
        laptop.surroundings().find(),
        Ok(laptop.socket("docker.sock"))
    );
    laptop.put("run/docker.sock", "");
    assert_eq!(
        laptop.surroundings().find(),
        Ok(laptop.socket("run/docker.sock"))
    );
    laptop.put("home/.colima/default/docker.sock", "");
    let colima = laptop.socket("home/.colima/default/docker.sock");
    assert_eq!(laptop.surroundings().find(), Ok(colima));
    laptop.put("home/.docker/run/docker.sock", "");
    let desktop = laptop.socket("home/.docker/run/docker.sock");
    assert_eq!(laptop.surroundings().find(), Ok(desktop));
    laptop.put("docker.sock", "");
    assert_eq!(
        laptop.surroundings().find(),
        Ok(laptop.socket("docker.sock"))
    );
}

#[test]
fn the_context_in_use_comes_before_sockets_and_docker_host_before_it() {
    let laptop = Laptop::new();
    laptop.put("docker.sock", "");
    laptop.context("colima", "unix:///somewhere/docker.sock");
    let in_use = laptop.surroundings();
    assert_eq!(
        in_use.find().as_deref(),
        Ok("unix:///somewhere/docker.sock")
    );
    let named = Surroundings {
        docker_context: Some("default".to_owned()),
        ..laptop.surroundings()
    };
    assert_eq!(named.find(), Ok(laptop.socket("docker.sock")));
    let told = Surroundings {
        docker_host: Some("tcp://127.0.0.1:2375".to_owned()),
        ..laptop.surroundings()
    };
    assert_eq!(told.find().as_deref(), Ok("tcp://127.0.0.1:2375"));
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    let laptop = Laptop::new();
    let told = |host: &str| Surroundings {
        docker_host: Some(host.to_owned()),
        ..laptop.surroundings()
    };
    let refusal = |surroundings: &Surroundings| {
        let unusable = surroundings.find().unwrap_err();
        format!("{unusable} {}", unusable.hint)
    };
    let ssh = refusal(&told("ssh://me@engine"));
    assert!(ssh.contains("ssh") && ssh.contains("that machine"), "{ssh}");
    for wrong in ["npipe:////./pipe/docker_engine", "docker.sock", "unix://"] {
        let text = refusal(&told(wrong));
        assert!(text.contains("unix:///"), "{text}");
    }
    let tls = Surroundings {
        tls_verify: Some("1".to_owned()),
        ..told("tcp://engine:2376")
    };
    assert!(refusal(&tls).contains("TLS"));
    laptop.put("home/.docker/config.json", r#"{"currentContext":"gone"}"#);
    let gone = refusal(&laptop.surroundings());
    assert!(
        gone.contains("\"gone\"") && gone.contains("docker context use"),
        "{gone}"
    );
    laptop.context("far", "ssh://me@engine");
    assert!(refusal(&laptop.surroundings()).contains("\"far\""));
}
