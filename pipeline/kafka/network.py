"""kafka-python's network client, made to remember why a broker turned it away and to give up in time.

As of 3.0.12 it tries again until its time is over, whatever the reason, and then only says that it was over: its
memory of refused passwords is never filled. It loses an answer that comes together with the end of the connection,
as refusals do. A TLS handshake with a silent peer has no limit at all. It asks the broker to make missing topics.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from kafka.errors import (
    AuthorizationError,
    IllegalSaslStateError,
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from pipeline.kafka.security import Security

_CUT_SHORT = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)
_FINAL = (
    AuthorizationError,
    IllegalSaslStateError,
    InvalidReceiveError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
    ssl.SSLError,
    ValueError,  # of a SCRAM exchange whose server does not know the password either
)


class NetClient(KafkaNetClient):
    """For the ``kafka_client`` setting of a consumer, a producer or an admin client."""

    def __init__(self, **settings: Any) -> None:
        net = NetworkSelector(**settings)
        super().__init__(net, _Manager(net, **settings))

    @property
    def refusal(self) -> Exception | None:
        """Why a broker that was reached would not serve us before the first metadata; None: none was reached."""
        return self._manager.refusal


class _Manager(KafkaConnectionManager):
    def __init__(self, net: Any, **settings: Any) -> None:
        super().__init__(net, **settings)
        # A client's own setting for this never gets here; many brokers make a topic of every name that is asked for.
        self.cluster.config["allow_auto_create_topics"] = False
        self.refusal: Exception | None = None

    def get_connection(self, *arguments: Any, **named: Any) -> Any:
        """A connection, unless a broker has turned us away for good."""
        if self.cluster.brokers():
            return super().get_connection(*arguments, **named)
        if _is_final(self.refusal):
            raise KafkaConnectionError(self.refusal)
        connection = super().get_connection(*arguments, **named)
        connection.close_future.add_errback(partial(self._note, connection))
        return connection

    def _note(self, connection: Any, error: Exception) -> None:
        cause = _cause(error)
        was_reached = connection.parser is not None and isinstance(error, KafkaConnectionError)
        if _is_final(cause) or was_reached or isinstance(cause, ssl.SSLError):
            self.refusal = cause

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        building = self.call_soon(super()._build_transport, node, timeout_at)
        left = None if timeout_at is None else max(0.0, timeout_at - time.monotonic()) * 1000
        try:
            transport = await self.wait_for(building, left)
        except KafkaTimeoutError:
            building.add_callback(lambda late: late.close())
            raise
        transport._sock_recv = _answer_first(transport._sock_recv)
        return transport


def _answer_first(receive: Callable[[], tuple[bytes, Any]]) -> Callable[[], tuple[bytes, Any]]:
    """What was received before the connection ended is not thrown away: most often it says why it ended."""
    held: list[Any] = []

    def received() -> tuple[bytes, Any]:
        if held:
            return b"", held[0]
        data, error = receive()
        if data and error:
            held.append(error)
            return data, None
        return data, error

    return received


def _cause(error: Exception) -> Exception:
    """The TLS error inside kafka-python's; else the error itself."""
    inner = [*error.args, error.__context__]
    return next((one for one in inner if isinstance(one, ssl.SSLError)), error)


def _is_final(error: Exception | None) -> bool:
    return isinstance(error, _FINAL) and not isinstance(error, _CUT_SHORT)


def explain(refusal: Exception, security: Security) -> str:
    """What a broker held against us and which options to look at; follows its address in a sentence."""
    said = str(refusal.args[0] if refusal.args else type(refusal).__name__)
    match refusal:
        case ssl.SSLCertVerificationError():
            return (
                f"has a certificate that is not trusted (`{refusal.verify_message}`); "
                "check --kafka-ca-file and the host in --bootstrap-servers"
            )
        case UnsupportedSaslMechanismError():
            return f"does not offer SASL mechanism `{security.mechanism}`; mend --kafka-sasl-mechanism"
        case IllegalSaslStateError():
            return f"does not speak `{security.protocol}` on this port; mend --kafka-security-protocol or the port"
        case SaslAuthenticationFailedError() | AuthorizationError() | ValueError() if security.has_sasl:
            return (
                f"did not let user `{security.username}` in by `{security.mechanism}` (`{said.rpartition(': ')[2]}`); "
                "check --kafka-username, --kafka-password and --kafka-sasl-mechanism"
            )
        case ssl.SSLError() if _is_final(refusal):
            return (
                f"did not agree on TLS (`{refusal.reason or said}`); check --kafka-security-protocol, "
                "--kafka-certificate-file and --kafka-key-file"
            )
    password = " and --kafka-password" if security.has_sasl else ""
    return (
        f"closes the connection or answers what is not `{security.protocol}`; "
        f"check --kafka-security-protocol{password}, and that the port is a Kafka listener of that protocol"
    )
