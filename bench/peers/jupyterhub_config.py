"""JupyterHub with DockerSpawner, as their documentation shows it, for `./x bench boot`."""

import os
import subprocess

bind, proxy_api, hub_port = os.environ["BENCH_PORTS"].split(",")
gateway = subprocess.check_output(
    ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"], text=True
).strip()

c = get_config()  # noqa: F821
c.JupyterHub.bind_url = f"http://127.0.0.1:{bind}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy_api}"
c.JupyterHub.hub_bind_url = f"http://{gateway}:{hub_port}"
c.JupyterHub.hub_connect_url = f"http://{gateway}:{hub_port}"
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cookie_secret_file = os.path.abspath("cookie")
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [
    {"name": "bench", "services": ["bench"], "scopes": ["admin:users", "admin:servers", "access:servers"]}
]
c.DockerSpawner.image = os.environ["BENCH_IMAGE"]
c.DockerSpawner.cmd = ["jupyterhub-singleuser"]
c.DockerSpawner.remove = True
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.network_name = "bridge"
c.DockerSpawner.pull_policy = "never"
c.DockerSpawner.http_timeout = 300
c.DockerSpawner.start_timeout = 300
c.DockerSpawner.environment = {"HOME": "/tmp", "JUPYTER_DATA_DIR": "/tmp/jupyter"}
c.DockerSpawner.notebook_dir = "/tmp"
c.Spawner.args = ["--ServerApp.root_dir=/tmp"]
