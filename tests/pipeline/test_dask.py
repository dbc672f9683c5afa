"""Many images on a Dask cluster: real schedulers and workers on the loopback interface."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commands import COMMAND, SEVEN, environment, refused, wait_until

pytest.importorskip("distributed")
DASK = (sys.executable, "-m", "dask")


class Cluster:
    """A scheduler and its workers, each in a separate process."""

    def __init__(self, folder: Path, certificate: Path | None = None, **variables: str) -> None:
        self.file, self.certificate = folder / "scheduler.json", certificate
        if certificate:
            variables = {**tls_variables(certificate), "DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME": "tls", **variables}
        self.quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.quiet["env"] = environment(**variables)
        start = [*DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = subprocess.Popen([*start, "--scheduler-file", str(self.file)], **self.quiet)
        self.workers: list[subprocess.Popen[bytes]] = []
        wait_until(lambda: self.file.exists() and self.file.read_text().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def start_workers(self, count: int, *options: str) -> None:
        from distributed import Client

        line = [*DASK, "worker", "--scheduler-file", str(self.file), "--nthreads", "1", "--no-dashboard", *options]
        self.workers += [subprocess.Popen(line, **self.quiet) for _ in range(count)]
        with Client(self.address, security=security(self.certificate), set_as_default=False) as client:
            client.wait_for_workers(count, timeout=30)

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def tls_variables(certificate: Path) -> dict[str, str]:
    """Return the environment variables of Dask's configuration for a certificate, whose key is in the same file."""
    files = ["CA_FILE", *(f"{role}__{kind}" for role in ("SCHEDULER", "WORKER", "CLIENT") for kind in ("CERT", "KEY"))]
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(certificate) for name in files}


def security(certificate: Path | None):
    from distributed.security import Security

    name = certificate and str(certificate)
    return name and Security(tls_ca_file=name, tls_client_cert=name, tls_client_key=name, require_encryption=True)


def make_certificate(path: Path) -> Path:
    """Write a self-signed certificate and its key into a file."""
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    line += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(path) + ".cert"]
    subprocess.run(line, capture_output=True, check=True)
    path.write_text(path.read_text() + Path(f"{path}.cert").read_text())
    return path


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """A scheduler and a worker that use TLS."""
    if not shutil.which("openssl"):
        pytest.skip("makes certificates with openssl")
    folder = tmp_path_factory.mktemp("encrypted")
    cluster = Cluster(folder, make_certificate(folder / "own.pem"))
    try:
        cluster.start_workers(1, "--no-nanny")
        yield cluster
    finally:
        cluster.end()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start_workers(2, "--no-nanny")
        yield cluster
    finally:
        cluster.end()


@pytest.fixture
def another(tmp_path_factory):
    """A scheduler for one test, which tolerates no failed task; the test starts its workers."""
    folder = tmp_path_factory.mktemp("another")
    cluster = Cluster(folder, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    yield cluster
    cluster.end()


@pytest.fixture(autouse=True)
def one_photo_is_empty(photos):
    Path("photos/4.png").write_bytes(b"")


def command(*options: str, program: tuple[str, ...] = COMMAND, **variables: str) -> tuple[int, str, str]:
    line = [*program, "apply", "photos", "-f", "edges", "-o", "out/{stem}.npz", *options]
    done = subprocess.run(line, capture_output=True, text=True, env=environment(**variables), timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_json_messages_and_exit_code_are_those_of_one_process(cluster):
    assert command("--json", "--scheduler", cluster.address) == command("--json", "--jobs", "1")


def test_the_files_are_those_of_one_process(cluster):
    command("--jobs", "1")
    expected = Path("out/8.npz").read_bytes()
    Path("out/8.npz").unlink()
    command("--scheduler", cluster.address)
    assert Path("out/8.npz").read_bytes() == expected


def test_a_worker_that_is_killed_costs_no_image_and_leaves_no_unfinished_file(cluster):
    many_photos()
    line = [*COMMAND, "apply", "photos", "-f", "edges", "-o", "out/{stem}.png", "-q", "--scheduler", cluster.address]
    with subprocess.Popen(line, stderr=subprocess.PIPE, env=environment()) as process:
        wait_until(lambda: len(os.listdir("out")) > 3)
        killed = cluster.workers.pop()
        Path(f"out/.cnnfx-{killed.pid}-0.part").write_bytes(b"half")  # as if it were killed while it wrote
        Path(f"out/.cnnfx-{cluster.workers[0].pid}-0.part").write_bytes(b"half")
        killed.kill()
        _, printed = process.communicate(timeout=60)
    killed.wait()
    assert printed == b"cnnfx: photos/4.png: it is empty. The program that made it may have failed.\n"
    written = [name for name in os.listdir("out") if name.endswith(".png")]
    assert len(written) == 299
    assert {*os.listdir("out")} - {*written} == {f".cnnfx-{cluster.workers[0].pid}-0.part"}


def many_photos() -> None:
    for number in range(9, 300):
        os.link("photos/0.png", f"photos/{number}.png")


IMPATIENT = "from cnnfx.__main__ import main; from cnnfx.pipeline import dask; dask.NO_WORKERS_SECONDS = 2; main()"


def test_the_loss_of_all_workers_ends_the_work(another):
    many_photos()
    another.start_workers(2, "--no-nanny")

    def kill() -> None:
        wait_until(lambda: len(os.listdir("out")) > 3)
        for worker in another.workers:
            Path(f"out/.cnnfx-{worker.pid}-0.part").write_bytes(b"half")
            worker.kill()

    with ThreadPoolExecutor() as pool:
        pool.submit(kill)
        code, _, printed = command("-q", "--scheduler", another.address, program=(sys.executable, "-c", IMPATIENT))
    assert code == 1
    assert printed.removeprefix("cnnfx: photos/4.png: it is empty. The program that made it may have failed.\n") == (
        f"cnnfx: {another.address}: all its workers are gone. The finished outputs are written. "
        f"Start some with dask worker {another.address}. Continue with --skip-existing.\n"
    )
    assert len(os.listdir("out")) < 299
    assert not [name for name in os.listdir("out") if not name.endswith(".npz")]


def test_only_the_image_that_crashes_workers_is_reported(another):
    for number in range(9):
        os.rename(
            f"photos/{number}.png", f"photos/later{number}.png"
        )  # some wait on the worker while the first kills it
    shutil.copy(SEVEN, "photos/killer.png")
    another.start_workers(1, "--preload", str(Path(__file__).with_name("dying.py")))
    assert command("--quiet", "--scheduler", another.address) == (
        1,
        "",
        "cnnfx: photos/killer.png: it crashes the process that works on it. The file may be damaged, or too large for "
        "the memory. Get the file again, or make it smaller.\n"
        "cnnfx: photos/later4.png: it is empty. The program that made it may have failed.\n",
    )
    assert len(os.listdir("out")) == 8


def test_an_encrypted_cluster_is_used_with_the_certificates_of_dasks_configuration(encrypted):
    assert encrypted.address.startswith("tls://")
    expected = command("--json", "--jobs", "1")
    assert command("--json", "--scheduler", encrypted.address, **tls_variables(encrypted.certificate)) == expected


def test_an_encrypted_cluster_needs_certificates(encrypted):
    assert command("--scheduler", encrypted.address) == (
        2,
        "",
        f"cnnfx: {encrypted.address}: TLS needs certificates, which Dask's configuration does not name. Set "
        "distributed.comm.tls.ca-file, distributed.comm.tls.client.cert and distributed.comm.tls.client.key there, or "
        "$DASK_DISTRIBUTED__COMM__TLS__CA_FILE, $DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
        "$DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY.\n",
    )


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_read_are_reported(content, tmp_path):
    file = tmp_path / "bad.pem"
    if content:
        file.write_bytes(content)
    code, _, printed = command("--scheduler", "tls://127.0.0.1:1", **tls_variables(file))
    assert code == 2
    assert printed.startswith("cnnfx: tls://127.0.0.1:1: the certificates of Dask's configuration (distributed.comm.")
    assert printed.endswith(" cannot be read: No such file or directory.\n" if content is None else ".\n")


def test_a_scheduler_with_another_certificate_is_not_trusted(encrypted, tmp_path):
    variables = tls_variables(make_certificate(tmp_path / "other.pem"))
    assert command("--scheduler", encrypted.address, **variables) == (
        1,
        "",
        f"cnnfx: {encrypted.address}: no Dask scheduler answers there within 5 seconds, or it and this client do not "
        "accept each other's certificates. Start one with dask scheduler, and give the address that it prints.\n",
    )


@contextmanager
def peer(answer: bytes | None, listens: bool = True):
    """Yield the address of a server that is no scheduler: it sends `answer`, or nothing; it refuses connections unless
    it listens."""
    with socket.socket() as server, ThreadPoolExecutor() as pool:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        if answer is not None:
            pool.submit(reply, server, answer)
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def reply(server: socket.socket, answer: bytes) -> None:
    with server.accept()[0] as line:
        line.sendall(answer)
        line.recv(1)  # until the other side closes the connection


def no_answer(address: str) -> str:
    return (
        f"cnnfx: {address}: no Dask scheduler answers there within 5 seconds. "
        "Start one with dask scheduler, and give the address that it prints.\n"
    )


def no_scheduler(address: str) -> str:
    return (
        f"cnnfx: {address} is not the address of a scheduler. Write tcp://HOST:PORT or tls://HOST:PORT, as dask "
        "scheduler prints it.\n"
    )


@pytest.mark.parametrize("listens", [False, True])
def test_a_scheduler_that_does_not_answer_is_reported_with_its_address(listens):
    with peer(None, listens) as address:
        assert command("--scheduler", address) == (1, "", no_answer(address))


def test_a_stopped_scheduler_is_reported_with_its_address(another):
    another.scheduler.send_signal(signal.SIGSTOP)
    assert command("--scheduler", another.address) == (1, "", no_answer(another.address))


def test_a_stopped_worker_is_reported_with_its_address(another):
    another.start_workers(2, "--no-nanny")
    another.workers[0].send_signal(signal.SIGSTOP)
    code, _, printed = command("--scheduler", another.address)
    assert re.fullmatch(
        rf"cnnfx: {another.address}: its worker tcp://127.0.0.1:\d+ does not answer within 5 seconds. Restart it.\n",
        printed,
    )
    assert code == 1


def test_a_server_of_another_kind_is_not_a_scheduler():
    with peer(b"HTTP/1.0 400 Bad Request\r\n\r\n") as address:
        assert command("--scheduler", address) == (2, "", no_scheduler(address))


def test_the_address_of_a_worker_is_not_that_of_a_scheduler(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        worker = next(iter(client.nthreads()))
    assert command("--scheduler", worker) == (2, "", no_scheduler(worker))


@pytest.mark.parametrize(
    "address",
    ["", "tcp://host", "tcp://host:port", "http://host:80", "tcp://host:80:80", "tcp://:80", "host:0", "host:65536"],
)
def test_a_malformed_address_is_refused(address):
    printed = refused("apply", SEVEN, "-f", "edges", "-o", "out/seven.png", "--scheduler", address, code=2)
    assert printed + "\n" == no_scheduler(address or "''")


def test_missing_dask_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert refused("apply", SEVEN, "-f", "edges", "--scheduler", "tcp://127.0.0.1:1", code=2) == (
        "cnnfx: Dask is not installed. --scheduler needs Dask. Install it with pip install 'cnnfx[dask]'."
    )


def test_a_scheduler_without_workers_is_reported(another):
    assert command("--scheduler", another.address) == (
        1,
        "",
        f"cnnfx: {another.address}: the scheduler has no workers. Start some with dask worker {another.address}.\n",
    )
