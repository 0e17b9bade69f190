"""Looks over the installed moto for ways out of its process, so that an update with a new one is noticed.

A new hit is to be read: either hardening closes it (then it joins the list), or `harden` has to learn it.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import moto

ROOT = Path(moto.__file__).parent

OUTSIDE_OUR_PROCESS = ("moto_proxy/", "moto_server/")
"""The proxy is never imported; of the server only the function that makes an application."""

MODULES = {
    *(
        "ctypes",
        "docker",
        "ftplib",
        "http.client",
        "http.server",
        "marshal",
        "multiprocessing",
        "pickle",
        "pty",
    ),
    *("requests", "shelve", "smtplib", "socket", "socketserver", "subprocess", "urllib.request", "urllib3"),
    *("webbrowser", "xmlrpc"),
}
"""Importing one of these is a hit, and so is every use of `requests`."""

CALLS = {
    *("eval", "exec", "compile", "__import__", "importlib.import_module", "yaml.load", "yaml.unsafe_load"),
    *("os.system", "os.popen", "os.fork", "os.kill", "os.remove", "os.unlink", "shutil.rmtree"),
    *("boto3.client", "boto3.resource", "boto3.Session", "boto3.session.Session"),
    *(
        "requests.get",
        "requests.post",
        "requests.put",
        "requests.request",
        "requests.Session",
        "requests.head",
    ),
}

STEP_FUNCTIONS = "stepfunctions/parser/asl/component/state/exec/state_task/service"
KNOWN = {
    # Requests to the outside, and what only names the library's types: all of them end in `NothingLeaves`.
    "apigateway/integration_parsers/__init__.py": {"import requests": 1},
    "apigateway/integration_parsers/aws_parser.py": {"import requests": 1, "requests.post": 1},
    "apigateway/integration_parsers/http_parser.py": {"import requests": 1},
    "apigateway/integration_parsers/unknown_parser.py": {"import requests": 1},
    "apigateway/models.py": {"import requests": 1},
    "core/authorization.py": {"import requests": 1, "requests.post": 2},
    "core/botocore_stubber.py": {"import requests": 1},
    "core/custom_responses_mock.py": {"import http.client": 1, "import requests": 1},
    "core/models.py": {"import requests": 2, "requests.post": 2},
    "events/models.py": {"import requests": 1, "requests.request": 1},
    "firehose/models.py": {"import requests": 1, "requests.post": 1},
    "moto_api/_internal/recorder/models.py": {"import requests": 1, "requests.request": 1},
    "s3/utils.py": {"import requests": 1},
    "sns/models.py": {"import requests": 1, "requests.post": 1},
    f"{STEP_FUNCTIONS}/state_task_service_api_gateway.py": {"import requests": 2},
    "stepfunctions/parser/asl/utils/boto_client.py": {"boto3.client": 1},
    "utilities/utils.py": {"import requests": 1},
    # Containers: `DockerModel.docker_client` raises.
    "awslambda/models.py": {"import docker": 3, "import requests": 1},
    "batch/models.py": {"import docker": 1},
    "utilities/docker_utilities.py": {"import docker": 2, "import requests": 1},
    # Templates: PyYAML's loaders are replaced.
    "cloudformation/models.py": {"yaml.load": 2},
    "cloudformation/responses.py": {"yaml.load": 2},
    # A shell that asks Docker for the host's address: never asked.
    "settings.py": {"os.popen": 1},
    # moto's own modules by name, and the list of regions.
    "backends.py": {"importlib.import_module": 1},
    "core/base_backend.py": {"__import__": 1},
    "iam/config.py": {"boto3.Session": 2},
    # Another server of moto's, which is never started.
    "proxy.py": {"import http.server": 1},
}


_IMPORTS, _CALLS = (
    "|".join(map(re.escape, sorted(names)))
    for names in (MODULES, {*CALLS, "os.exec", "os.spawn", "subprocess."})
)
WORTH_PARSING = re.compile(rf"(import|from)\s+({_IMPORTS})|\b({_CALLS})\w*\(")
"""Parsing all of moto takes seconds; few of its files have anything to find."""


def hits_in(source: str) -> Counter[str]:
    hits: Counter[str] = Counter()
    if not WORTH_PARSING.search(source):
        return hits
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CALLS or called.startswith(("os.exec", "os.spawn", "subprocess.")):
                hits[called] += 1
            continue
        else:
            continue
        for module in MODULES:
            if any(name == module or name.startswith(f"{module}.") for name in names):
                hits[f"import {module}"] += 1
    return hits


def test_moto_has_no_ways_out_but_the_known_ones() -> None:
    found: dict[str, dict[str, int]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OUTSIDE_OUR_PROCESS) and (hits := hits_in(path.read_text())):
            found[name] = dict(sorted(hits.items()))
    assert found == KNOWN


def test_every_kind_of_hit_is_seen() -> None:
    source = """
import pickle, os, yaml as y
from subprocess import run
import requests.adapters
def f(self):
    self.eval(1); re.compile("x")
    eval("1"); exec("1"); yaml.load(x, Loader=yaml.Loader)
    os.system("x"); os.execv("a", []); requests.get("u")
"""
    assert hits_in(source) == Counter(
        {
            "import pickle": 1,
            "import subprocess": 1,
            "import requests": 1,
            "eval": 1,
            "exec": 1,
            "yaml.load": 1,
            "os.system": 1,
            "os.execv": 1,
            "requests.get": 1,
        }
    )
