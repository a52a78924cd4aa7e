"""Real stores on this machine, each a process of its own: S3, Azure Blob, Google, the web."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

AZURITE = "azurite@3.35.0"
# The account and key that every Azurite has; they open nothing else.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_READY = re.compile(rb"https?://[\w.]+:(\d+)")


@contextmanager
def process(command, **options):
    """Start a server and wait until it says where it listens; yield the port."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    ) as server:
        try:
            yield _port(server)
        finally:
            server.terminate()
            server.stdout.read()


def _port(server):
    said = b""
    for line in server.stdout:
        said += line
        if found := _READY.search(line):
            return int(found[1])
    raise AssertionError(f"the server ended: {said.decode(errors='replace')[-2000:]}")


@contextmanager
def s3_server():
    """Endpoint of moto's S3 server."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with process(command) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def azure_server(cache):
    """Connection string of Azurite's blob service."""
    program = install_azurite(cache)
    command = [
        program, "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck",
        "--disableTelemetry",
    ]  # fmt: skip
    with process(command) as port:
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={AZURITE_ACCOUNT};"
            f"AccountKey={AZURITE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{AZURITE_ACCOUNT};"
        )


def missing_for_azure(cache):
    """Why Azurite cannot run here; empty if it can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Azurite needs node and npm"
    try:
        install_azurite(cache)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"npm could not install {AZURITE}: {error}"
    return ""


def install_azurite(cache):
    """Azurite's program, installed once into the cache folder of tools."""
    final = cache / "tools" / AZURITE.replace("@", "-")
    program = final / "node_modules/.bin/azurite-blob"
    if not program.exists():
        scratch = final.with_name(f".{final.name}-{os.getpid()}")
        scratch.mkdir(parents=True)
        try:
            subprocess.run(
                ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", ".",
                 AZURITE],
                cwd=scratch, check=True, timeout=300, stdin=subprocess.DEVNULL,
                capture_output=True,
            )  # fmt: skip
            scratch.rename(final)
        except OSError:
            if not program.exists():
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return program


@contextmanager
def google_server():
    """Endpoint of the Google Cloud Storage emulator."""
    code = (
        "from gcp_storage_emulator.server import create_server\n"
        "server = create_server('127.0.0.1', 0, in_memory=True)\n"
        "server.start()\n"
        "print('http://127.0.0.1:%d' % server._api._httpd.server_address[1], flush=True)\n"
        "import time; time.sleep(3600)\n"
    )
    with process([sys.executable, "-c", code]) as port:
        yield f"http://127.0.0.1:{port}"
