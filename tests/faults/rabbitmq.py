"""A RabbitMQ of a test's own, on loopback: its node, its data, its cookie and the port mapper beside it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.faults.harness import eventually, free_port
from tutormax.broker import BrokerAwayError, open_carrier
from tutormax.broker.rabbitmq import parameters, queue_name

USER = "tutormax"
PASSWORD = "doorbells"  # noqa: S105  # of a server that only this machine reaches, for the length of a test
SERVERS = Path("/usr/lib/rabbitmq/lib")
MISSING = "the tests of RabbitMQ need a RabbitMQ: apt-get install rabbitmq-server"
# Erlang starts a few hundred processes, on a machine where other tests run.
START_SECONDS = 100.0
STOP_SECONDS = 20.0


def program() -> Path:
    """Return the server's own script; Debian's wrapper would change to another user and directory."""
    found = sorted(SERVERS.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    assert found, MISSING
    assert shutil.which("epmd"), MISSING
    return found[-1]


class RabbitMQ:
    """A RabbitMQ that can be stopped, started again empty, frozen, and told to drop its connections."""

    def __init__(self, *arguments: str, **configuration: object) -> None:
        self.program = program()
        self._arguments = " ".join(("-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false", *arguments))
        self.home = Path(tempfile.mkdtemp(prefix="tutormax-rabbitmq-"))
        self.port, self._mapper_port, self._distribution_port = free_port(), free_port(), free_port()
        self.url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"
        self._write(configuration)
        self._mapper = self._run("epmd", "-address", "127.0.0.1", "-port", str(self._mapper_port))
        try:
            self.process = self._started()
        except BaseException:
            self._clear_away()
            raise

    def _write(self, configuration: dict[str, object]) -> None:
        lines = {
            "default_user": USER,
            "default_pass": PASSWORD,
            "listeners.tcp.local": f"127.0.0.1:{self.port}",
            "log.file.level": "warning",
            **configuration,
        }
        text = "".join(f"{name} = {value}\n" for name, value in lines.items())
        (self.home / "rabbitmq.conf").write_text(text)
        (self.home / "enabled_plugins").write_text("[].\n")

    def _run(self, *command: str | Path) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"tutormax{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": str(self.home / "data"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": self._arguments,
        }
        log = (self.home / "output.log").open("ab")
        with log:
            return subprocess.Popen(
                list(map(str, command)), env=environment, stdout=log, stderr=log, cwd=self.home, start_new_session=True
            )

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._run(self.program)
        try:
            eventually(lambda: process.poll() is not None or self._answers(), seconds=START_SECONDS)
            assert process.poll() is None, (self.home / "output.log").read_text()[-2000:]
        except BaseException:
            _kill(process)
            raise
        return process

    def _answers(self) -> bool:
        carrier = open_carrier(self.url, answer_seconds=2)
        try:
            carrier.ping()
        except BrokerAwayError:
            return False
        finally:
            carrier.close()
        return True

    def kill(self) -> None:
        """Stop it without a word; what it held is gone."""
        _kill(self.process)

    def restart(self) -> None:
        """Start it again, empty."""
        shutil.rmtree(self.home / "data", ignore_errors=True)
        self.process = self._started()

    def freeze(self) -> None:
        """Let it hang."""
        os.killpg(self.process.pid, SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self.process.pid, SIGCONT)

    def flush(self) -> None:
        """Forget every doorbell, by deleting the queue."""
        self._at_once(lambda channel: channel.queue_delete(queue_name("probes")))

    def _at_once(self, act: Callable[[BlockingChannel], object]) -> None:
        with pika.BlockingConnection(parameters(self.url, answer_seconds=5, name="test")) as connection:
            act(connection.channel())

    def control(self, *words: str) -> None:
        """Run rabbitmqctl."""
        with self._run(self.program.with_name("rabbitmqctl"), *words) as process:
            assert process.wait(60) == 0, (self.home / "output.log").read_text()

    def cut(self) -> None:
        """Close every connection."""
        self.control("close_all_connections", "cut by a test")

    def push(self, queue: str, raw: bytes) -> None:
        """Add whatever it is to a queue."""
        self._at_once(lambda channel: channel.basic_publish("", queue_name(queue), raw))

    def waiting(self, queue: str) -> int:
        """Return how many doorbells wait."""
        carrier = open_carrier(self.url)
        try:
            return carrier.waiting([queue])[queue]
        finally:
            carrier.close()

    def malformed(self, queue: str) -> int:
        """Return how many messages were put aside."""
        return self.waiting(f"{queue}.malformed")

    def close(self) -> None:
        """End it, and take its data along."""
        self.kill()
        self._clear_away()

    def _clear_away(self) -> None:
        os.killpg(self._mapper.pid, SIGTERM)
        self._mapper.wait(STOP_SECONDS)
        shutil.rmtree(self.home)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, SIGKILL)
        process.wait()
