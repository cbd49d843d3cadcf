"""The Backend API of Sojourn, for servers. One file, the standard library alone, Python 3.9 on.

    from sojourn import Sojourn, SojournError

    sojourn = Sojourn("http://127.0.0.1:7380", os.environ["SOJOURN_KEY"])
    opened = sojourn.open_session({"subject": "alice", "amr": ["pwd"]})
    verdict = sojourn.verify({"token": opened["token"], "activity": True})

An object may be shared by threads: each has a connection of its own, which `close()` or the end of
a `with` block closes.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
import uuid
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Sojourn", "SojournError"]

_PAUSE_SECONDS = 0.1
# The service keeps an idle connection for 72 seconds; one that it has just closed is not tried.
_IDLE_SECONDS = 30.0
_TOKENS_MAX = 500
_ATTEMPTS_MAX = 5
_TIMEOUT = {"code": "timeout", "detail": "no answer in time", "retryable": True}

Version = Union[str, Mapping[str, Any]]
_Self = TypeVar("_Self", bound="_Caller")


class SojournError(Exception):
    """The service refused, or was not reached. Switch on `code`, never on the text."""

    def __init__(
        self,
        problem: Mapping[str, Any],
        status: int = 0,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        self.problem = dict(problem)
        #: Of the catalogue of the service; `unreachable`, `timeout`, `unreadable` are of this side.
        self.code: str = str(problem["code"])
        #: 0 where there was no answer.
        self.status = status
        #: True when the same call may succeed later.
        self.retryable: bool = bool(problem.get("retryable", False))
        #: What to look for in the log and the audit trail of the service.
        self.request_id = request_id
        #: Seconds that the service asked to wait.
        self.retry_after = retry_after
        super().__init__(f"{self.code}: {problem.get('detail') or problem.get('title') or ''}")


class _Caller:
    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 10.0,
        retries: int = 2,
        context: Optional[ssl.SSLContext] = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: expected http:// or https://")
        if not key.startswith("sj1k_"):
            raise ValueError("key: expected a service key, sj1k_…")
        self._parts = parts
        self._key = key
        self._timeout = timeout
        self._retries = retries
        self._context = context
        self._local = threading.local()

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
        if_match: Optional[Version] = None,
        idempotency_key: Optional[str] = None,
        once: bool = False,
        repeatable: bool = False,
        text: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "*/*"}
        if if_match is not None:
            headers["If-Match"] = _etag(if_match)
        if once:
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        pairs = [(name, _plain(value)) for name, value in (query or {}).items()]
        target = self._parts.path.rstrip("/") + path + ("?" + urlencode(pairs) if pairs else "")
        may = once or repeatable or method in ("GET", "DELETE")
        until = time.monotonic() + (self._timeout if timeout is None else timeout)
        tries = 0
        while True:
            try:
                answer = self._attempt(method, target, content, headers, until)
                return answer if text else _parsed(answer)
            except SojournError as error:
                # Whoever was told to come later was not served; anything else may have happened.
                again = error.retryable and (may or error.status == 429)
                wait = error.retry_after or _PAUSE_SECONDS * 2**tries
                if not again or tries >= self._retries or time.monotonic() + wait >= until:
                    raise
                tries += 1
                time.sleep(wait)

    def _attempt(
        self,
        method: str,
        target: str,
        content: Optional[bytes],
        headers: Mapping[str, str],
        until: float,
    ) -> str:
        left = until - time.monotonic()
        if left <= 0:
            raise SojournError(_TIMEOUT)
        connection = self._connection(left)
        try:
            connection.request(method, target, content, dict(headers))
            response = connection.getresponse()
            text = response.read().decode()
        except socket.timeout as error:
            self.close()
            raise SojournError(_TIMEOUT) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            detail = "the service could not be asked"
            problem = {"code": "unreachable", "detail": detail, "retryable": True}
            raise SojournError(problem) from error
        self._local.used = time.monotonic()
        if 200 <= response.status < 300:
            return text
        raise _error(response, text)

    def _connection(self, left: float) -> http.client.HTTPConnection:
        """The connection of this thread, with what is left of the time as its limit."""
        connection: Optional[http.client.HTTPConnection] = getattr(self._local, "open", None)
        if connection is not None and time.monotonic() - self._local.used > _IDLE_SECONDS:
            self.close()
            connection = None
        if connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                context = self._context or ssl.create_default_context()
                connection = http.client.HTTPSConnection(host, port, context=context)
            else:
                connection = http.client.HTTPConnection(host, port)
            self._local.open = connection
            self._local.used = time.monotonic()
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)
        return connection

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection of this thread. The next call opens another."""
        connection: Optional[http.client.HTTPConnection] = getattr(self._local, "open", None)
        self._local.open = None
        if connection is not None:
            connection.close()


def _error(response: http.client.HTTPResponse, text: str) -> SojournError:
    status = response.status
    try:
        problem = json.loads(text)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        # What stands between may answer with no problem of ours.
        retryable = status in (429, 502, 503, 504)
        detail = f"an answer with status {status}"
        problem = {"code": "unreadable", "detail": detail, "retryable": retryable}
    wait = response.getheader("Retry-After") or ""
    return SojournError(
        problem,
        status,
        response.getheader("X-Request-Id"),
        float(wait) if wait.isdigit() else None,
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        problem = {"code": "unreadable", "detail": "the answer is no JSON"}
        raise SojournError(problem) from error


def _etag(version: Version) -> str:
    text = version if isinstance(version, str) else version.get("version")
    if text is None:
        raise ValueError("if_match: has no version; read the session first")
    return text if text.startswith('"') or text == "*" else f'"{text}"'


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _part(text: str) -> str:
    return quote(text, safe="")


# Written by npm run clients from the OpenAPI document of the service, up to the next line like it.
_AccessVerdictMust = TypedDict("_AccessVerdictMust", {
    "state": 'Literal["active", "refused"]',
    "headers": 'Dict[str, Any]',
    "serverTime": 'str',
})
_AccessVerdictMay = TypedDict("_AccessVerdictMay", {
    "claims": 'Dict[str, Any]',
    "status": 'int',
    "why": 'str',
}, total=False)


class AccessVerdict(_AccessVerdictMust, _AccessVerdictMay):
    pass


_AnalyticsMust = TypedDict("_AnalyticsMust", {
    "step": 'Literal["hour", "day"]',
    "items": 'List[AnalyticsPeriod]',
    "behind": 'int',
    "serverTime": 'str',
})
_AnalyticsMay = TypedDict("_AnalyticsMay", {}, total=False)


class Analytics(_AnalyticsMust, _AnalyticsMay):
    pass


_AnalyticsPeriodMust = TypedDict("_AnalyticsPeriodMust", {
    "at": 'str',
    "signIns": 'Dict[str, Any]',
    "agents": 'Dict[str, Any]',
    "renewals": 'Dict[str, Any]',
    "ends": 'Dict[str, Any]',
    "durations": 'Dict[str, Any]',
    "incidents": 'Dict[str, Any]',
})
_AnalyticsPeriodMay = TypedDict("_AnalyticsPeriodMay", {
    "active": 'Dict[str, Any]',
}, total=False)


class AnalyticsPeriod(_AnalyticsPeriodMust, _AnalyticsPeriodMay):
    pass


_AssuranceMust = TypedDict("_AssuranceMust", {
    "amr": 'List[str]',
    "authTime": 'str',
    "factors": 'List[Dict[str, Any]]',
})
_AssuranceMay = TypedDict("_AssuranceMay", {
    "acr": 'str',
    "elevatedUntil": 'str',
}, total=False)


class Assurance(_AssuranceMust, _AssuranceMay):
    pass


_AuditEntryMust = TypedDict("_AuditEntryMust", {
    "seq": 'int',
    "id": 'str',
    "at": 'str',
    "tenant": 'str',
    "name": 'str',
})
_AuditEntryMay = TypedDict("_AuditEntryMay", {
    "actor": 'str',
    "subject": 'str',
    "session": 'str',
    "reason": 'str',
    "cause": 'str',
    "request": 'str',
    "key": 'str',
    "from": 'Dict[str, Any]',
    "client": 'Dict[str, Any]',
    "detail": 'Dict[str, Any]',
    "erased": 'Literal[True]',
    "tampered": 'Literal[True]',
}, total=False)


class AuditEntry(_AuditEntryMust, _AuditEntryMay):
    pass


_AuditPageMust = TypedDict("_AuditPageMust", {
    "items": 'List[AuditEntry]',
    "serverTime": 'str',
})
_AuditPageMay = TypedDict("_AuditPageMay", {
    "nextCursor": 'str',
}, total=False)


class AuditPage(_AuditPageMust, _AuditPageMay):
    pass


_BrowserAnswerMust = TypedDict("_BrowserAnswerMust", {
    "status": 'int',
    "headers": 'Dict[str, Any]',
    "body": 'str',
})
_BrowserAnswerMay = TypedDict("_BrowserAnswerMay", {}, total=False)


class BrowserAnswer(_BrowserAnswerMust, _BrowserAnswerMay):
    """Answer the browser with exactly this."""


_BrowserRequestMust = TypedDict("_BrowserRequestMust", {
    "token": 'str',
    "headers": 'Dict[str, Any]',
})
_BrowserRequestMay = TypedDict("_BrowserRequestMay", {}, total=False)


class BrowserRequest(_BrowserRequestMust, _BrowserRequestMay):
    pass


_BulkMust = TypedDict("_BulkMust", {
    "action": 'Literal["revoke", "lock"]',
    "filter": 'BulkFilter',
})
_BulkMay = TypedDict("_BulkMay", {
    "except": 'List[str]',
    "cause": 'str',
    "factors": 'int',
    "dryRun": 'bool',
    "token": 'str',
    "confirm": 'int',
}, total=False)


class Bulk(_BulkMust, _BulkMay):
    pass


_BulkFilterMust = TypedDict("_BulkFilterMust", {})
_BulkFilterMay = TypedDict("_BulkFilterMay", {
    "subject": 'str',
    "device": 'str',
    "address": 'str',
    "agent": 'str',
    "client": 'str',
    "acr": 'str',
    "role": 'str',
    "kind": 'str',
    "state": 'Literal["live", "active", "pending", "locked"]',
    "createdFrom": 'str',
    "createdBefore": 'str',
}, total=False)


class BulkFilter(_BulkFilterMust, _BulkFilterMay):
    """All that is given must hold. `{}`: every live session."""


_BulkReplyMust = TypedDict("_BulkReplyMust", {
    "dryRun": 'bool',
    "serverTime": 'str',
})
_BulkReplyMay = TypedDict("_BulkReplyMay", {
    "count": 'Dict[str, Any]',
    "everything": 'bool',
    "sample": 'List[Session]',
    "token": 'str',
    "expiresAt": 'str',
    "index": 'SearchIndex',
    "operation": 'Operation',
}, total=False)


class BulkReply(_BulkReplyMust, _BulkReplyMay):
    pass


_CancelOperationReplyMust = TypedDict("_CancelOperationReplyMust", {
    "operation": 'Operation',
    "serverTime": 'str',
})
_CancelOperationReplyMay = TypedDict("_CancelOperationReplyMay", {}, total=False)


class CancelOperationReply(_CancelOperationReplyMust, _CancelOperationReplyMay):
    pass


_ChangeSessionBodyMust = TypedDict("_ChangeSessionBodyMust", {})
_ChangeSessionBodyMay = TypedDict("_ChangeSessionBodyMay", {
    "data": 'Dict[str, Any]',
    "roles": 'List[str]',
}, total=False)


class ChangeSessionBody(_ChangeSessionBodyMust, _ChangeSessionBodyMay):
    pass


_ChangedSessionMust = TypedDict("_ChangedSessionMust", {
    "session": 'Session',
    "serverTime": 'str',
})
_ChangedSessionMay = TypedDict("_ChangedSessionMay", {
    "token": 'str',
    "headers": 'Dict[str, Any]',
}, total=False)


class ChangedSession(_ChangedSessionMust, _ChangedSessionMay):
    pass


_CookieFactsMust = TypedDict("_CookieFactsMust", {
    "name": 'str',
    "purpose": 'str',
    "category": 'Literal["strictly-necessary"]',
    "path": 'Literal["/"]',
    "secure": 'bool',
    "httpOnly": 'Literal[True]',
    "sameSite": 'Literal["Strict", "Lax", "None"]',
    "partitioned": 'bool',
    "kept": 'Literal["browser", "remember", "bound"]',
})
_CookieFactsMay = TypedDict("_CookieFactsMay", {
    "domain": 'str',
    "maxSeconds": 'int',
}, total=False)


class CookieFacts(_CookieFactsMust, _CookieFactsMay):
    pass


_CreateServiceKeyBodyMust = TypedDict("_CreateServiceKeyBodyMust", {
    "name": 'str',
    "scopes": 'List[Literal["sessions:read", "sessions:write", "sessions:impersonate", "audit:read", "privacy:write", "tenants:write", "locks:write", "bulk:write", "webhooks:write", "analytics:read", "data:read", "keys:read", "keys:write", "health:read", "policy:read"]]',
})
_CreateServiceKeyBodyMay = TypedDict("_CreateServiceKeyBodyMay", {}, total=False)


class CreateServiceKeyBody(_CreateServiceKeyBodyMust, _CreateServiceKeyBodyMay):
    pass


_CreateServiceKeyReplyMust = TypedDict("_CreateServiceKeyReplyMust", {
    "key": 'ServiceKey',
    "secret": 'str',
    "serverTime": 'str',
})
_CreateServiceKeyReplyMay = TypedDict("_CreateServiceKeyReplyMay", {
    "replaces": 'str',
}, total=False)


class CreateServiceKeyReply(_CreateServiceKeyReplyMust, _CreateServiceKeyReplyMay):
    pass


_DeviceMust = TypedDict("_DeviceMust", {})
_DeviceMay = TypedDict("_DeviceMay", {
    "id": 'str',
    "label": 'str',
    "address": 'str',
}, total=False)


class Device(_DeviceMust, _DeviceMay):
    """As you want it shown in device lists; never trusted."""


_EndedSessionMust = TypedDict("_EndedSessionMust", {
    "id": 'str',
    "endedAt": 'str',
    "reason": 'Literal["revoked", "logout", "idle_timeout", "absolute_timeout", "replaced", "evicted", "reuse_detected", "subject_revoked", "locked_out"]',
    "durability": 'Literal["memory", "local", "replicated", "quorum", "unknown"]',
    "serverTime": 'str',
})
_EndedSessionMay = TypedDict("_EndedSessionMay", {}, total=False)


class EndedSession(_EndedSessionMust, _EndedSessionMay):
    pass


_EraseSubjectBodyMust = TypedDict("_EraseSubjectBodyMust", {
    "confirm": 'str',
})
_EraseSubjectBodyMay = TypedDict("_EraseSubjectBodyMay", {
    "cause": 'str',
}, total=False)


class EraseSubjectBody(_EraseSubjectBodyMust, _EraseSubjectBodyMay):
    pass


_EraseSubjectReplyMust = TypedDict("_EraseSubjectReplyMust", {
    "erased": 'Dict[str, Any]',
    "serverTime": 'str',
})
_EraseSubjectReplyMay = TypedDict("_EraseSubjectReplyMay", {}, total=False)


class EraseSubjectReply(_EraseSubjectReplyMust, _EraseSubjectReplyMay):
    pass


_ExplainPolicyQueryMust = TypedDict("_ExplainPolicyQueryMust", {})
_ExplainPolicyQueryMay = TypedDict("_ExplainPolicyQueryMay", {
    "client": 'str',
    "role": 'Union[str, List[str]]',
}, total=False)


class ExplainPolicyQuery(_ExplainPolicyQueryMust, _ExplainPolicyQueryMay):
    pass


_ExplainSessionQueryMust = TypedDict("_ExplainSessionQueryMust", {})
_ExplainSessionQueryMay = TypedDict("_ExplainSessionQueryMay", {
    "reveal": 'Literal["true", "false"]',
}, total=False)


class ExplainSessionQuery(_ExplainSessionQueryMust, _ExplainSessionQueryMay):
    pass


_ExportAuditQueryMust = TypedDict("_ExportAuditQueryMust", {})
_ExportAuditQueryMay = TypedDict("_ExportAuditQueryMay", {
    "subject": 'str',
    "session": 'str',
    "name": 'str',
    "actor": 'str',
    "from": 'str',
    "to": 'str',
    "format": 'Literal["ndjson", "cef"]',
}, total=False)


class ExportAuditQuery(_ExportAuditQueryMust, _ExportAuditQueryMay):
    pass


ExportSubjectReply = Dict[str, Any]


_GetAnalyticsQueryMust = TypedDict("_GetAnalyticsQueryMust", {})
_GetAnalyticsQueryMay = TypedDict("_GetAnalyticsQueryMay", {
    "from": 'str',
    "to": 'str',
    "step": 'Literal["hour", "day"]',
}, total=False)


class GetAnalyticsQuery(_GetAnalyticsQueryMust, _GetAnalyticsQueryMay):
    pass


_GetLockReplyMust = TypedDict("_GetLockReplyMust", {
    "lock": 'Lock',
    "serverTime": 'str',
})
_GetLockReplyMay = TypedDict("_GetLockReplyMay", {}, total=False)


class GetLockReply(_GetLockReplyMust, _GetLockReplyMay):
    pass


_GetOperationReplyMust = TypedDict("_GetOperationReplyMust", {
    "operation": 'Operation',
    "serverTime": 'str',
})
_GetOperationReplyMay = TypedDict("_GetOperationReplyMay", {}, total=False)


class GetOperationReply(_GetOperationReplyMust, _GetOperationReplyMay):
    pass


_GetSessionReplyMust = TypedDict("_GetSessionReplyMust", {
    "session": 'Session',
    "serverTime": 'str',
})
_GetSessionReplyMay = TypedDict("_GetSessionReplyMay", {}, total=False)


class GetSessionReply(_GetSessionReplyMust, _GetSessionReplyMay):
    pass


_GetSubjectReplyMust = TypedDict("_GetSubjectReplyMust", {
    "subject": 'str',
    "epoch": 'int',
    "sessions": 'int',
    "serverTime": 'str',
})
_GetSubjectReplyMay = TypedDict("_GetSubjectReplyMay", {}, total=False)


class GetSubjectReply(_GetSubjectReplyMust, _GetSubjectReplyMay):
    pass


_IssueAccessTokenBodyMust = TypedDict("_IssueAccessTokenBodyMust", {
    "audience": 'str',
    "clientId": 'str',
})
_IssueAccessTokenBodyMay = TypedDict("_IssueAccessTokenBodyMay", {
    "scope": 'str',
    "cnf": 'Dict[str, Any]',
}, total=False)


class IssueAccessTokenBody(_IssueAccessTokenBodyMust, _IssueAccessTokenBodyMay):
    pass


_IssueAccessTokenReplyMust = TypedDict("_IssueAccessTokenReplyMust", {
    "token": 'str',
    "tokenType": 'Literal["Bearer", "DPoP"]',
    "expiresAt": 'str',
    "jti": 'str',
    "serverTime": 'str',
})
_IssueAccessTokenReplyMay = TypedDict("_IssueAccessTokenReplyMay", {}, total=False)


class IssueAccessTokenReply(_IssueAccessTokenReplyMust, _IssueAccessTokenReplyMay):
    pass


_IssueRefreshTokenBodyMust = TypedDict("_IssueRefreshTokenBodyMust", {
    "clientId": 'str',
    "audience": 'str',
})
_IssueRefreshTokenBodyMay = TypedDict("_IssueRefreshTokenBodyMay", {
    "scope": 'str',
    "cnf": 'Dict[str, Any]',
}, total=False)


class IssueRefreshTokenBody(_IssueRefreshTokenBodyMust, _IssueRefreshTokenBodyMay):
    pass


_IssueRefreshTokenReplyMust = TypedDict("_IssueRefreshTokenReplyMust", {
    "refreshToken": 'str',
    "id": 'str',
    "expiresAt": 'str',
    "serverTime": 'str',
})
_IssueRefreshTokenReplyMay = TypedDict("_IssueRefreshTokenReplyMay", {}, total=False)


class IssueRefreshTokenReply(_IssueRefreshTokenReplyMust, _IssueRefreshTokenReplyMay):
    pass


_LiftLockReplyMust = TypedDict("_LiftLockReplyMust", {
    "id": 'str',
    "liftedAt": 'str',
    "serverTime": 'str',
})
_LiftLockReplyMay = TypedDict("_LiftLockReplyMay", {}, total=False)


class LiftLockReply(_LiftLockReplyMust, _LiftLockReplyMay):
    pass


_ListAuditQueryMust = TypedDict("_ListAuditQueryMust", {})
_ListAuditQueryMay = TypedDict("_ListAuditQueryMay", {
    "subject": 'str',
    "session": 'str',
    "name": 'str',
    "actor": 'str',
    "from": 'str',
    "to": 'str',
    "cursor": 'str',
    "limit": 'int',
}, total=False)


class ListAuditQuery(_ListAuditQueryMust, _ListAuditQueryMay):
    pass


_ListCookiesQueryMust = TypedDict("_ListCookiesQueryMust", {})
_ListCookiesQueryMay = TypedDict("_ListCookiesQueryMay", {
    "https": 'Literal["true", "false"]',
}, total=False)


class ListCookiesQuery(_ListCookiesQueryMust, _ListCookiesQueryMay):
    pass


_ListCookiesReplyMust = TypedDict("_ListCookiesReplyMust", {
    "cookies": 'List[CookieFacts]',
    "serverTime": 'str',
})
_ListCookiesReplyMay = TypedDict("_ListCookiesReplyMay", {}, total=False)


class ListCookiesReply(_ListCookiesReplyMust, _ListCookiesReplyMay):
    pass


_ListLocksQueryMust = TypedDict("_ListLocksQueryMust", {})
_ListLocksQueryMay = TypedDict("_ListLocksQueryMay", {
    "kind": 'Literal["session", "subject", "device", "client", "network", "tenant"]',
    "value": 'str',
    "cursor": 'str',
    "limit": 'int',
}, total=False)


class ListLocksQuery(_ListLocksQueryMust, _ListLocksQueryMay):
    pass


_ListOperationsQueryMust = TypedDict("_ListOperationsQueryMust", {})
_ListOperationsQueryMay = TypedDict("_ListOperationsQueryMay", {
    "cursor": 'str',
    "limit": 'int',
}, total=False)


class ListOperationsQuery(_ListOperationsQueryMust, _ListOperationsQueryMay):
    pass


_ListOperationsReplyMust = TypedDict("_ListOperationsReplyMust", {
    "items": 'List[Operation]',
    "serverTime": 'str',
})
_ListOperationsReplyMay = TypedDict("_ListOperationsReplyMay", {
    "nextCursor": 'str',
}, total=False)


class ListOperationsReply(_ListOperationsReplyMust, _ListOperationsReplyMay):
    pass


_ListServiceKeysReplyMust = TypedDict("_ListServiceKeysReplyMust", {
    "items": 'List[ServiceKey]',
    "serverTime": 'str',
})
_ListServiceKeysReplyMay = TypedDict("_ListServiceKeysReplyMay", {}, total=False)


class ListServiceKeysReply(_ListServiceKeysReplyMust, _ListServiceKeysReplyMay):
    pass


_ListSessionsQueryMust = TypedDict("_ListSessionsQueryMust", {})
_ListSessionsQueryMay = TypedDict("_ListSessionsQueryMay", {
    "subject": 'str',
    "state": 'Literal["pending", "active", "locked", "ended", "live", "any"]',
    "device": 'str',
    "address": 'str',
    "agent": 'str',
    "client": 'str',
    "acr": 'str',
    "role": 'str',
    "kind": 'str',
    "createdFrom": 'str',
    "createdBefore": 'str',
    "count": 'Literal["none", "estimate", "exact"]',
    "reason": 'Literal["revoked", "logout", "idle_timeout", "absolute_timeout", "replaced", "evicted", "reuse_detected", "subject_revoked", "locked_out"]',
    "sort": 'Literal["-createdAt", "createdAt"]',
    "cursor": 'str',
    "limit": 'int',
}, total=False)


class ListSessionsQuery(_ListSessionsQueryMust, _ListSessionsQueryMay):
    pass


_ListSigningKeysReplyMust = TypedDict("_ListSigningKeysReplyMust", {
    "items": 'List[Dict[str, Any]]',
    "serverTime": 'str',
})
_ListSigningKeysReplyMay = TypedDict("_ListSigningKeysReplyMay", {}, total=False)


class ListSigningKeysReply(_ListSigningKeysReplyMust, _ListSigningKeysReplyMay):
    pass


_ListSubjectSessionsQueryMust = TypedDict("_ListSubjectSessionsQueryMust", {})
_ListSubjectSessionsQueryMay = TypedDict("_ListSubjectSessionsQueryMay", {
    "cursor": 'str',
    "limit": 'int',
}, total=False)


class ListSubjectSessionsQuery(_ListSubjectSessionsQueryMust, _ListSubjectSessionsQueryMay):
    pass


_ListTenantsQueryMust = TypedDict("_ListTenantsQueryMust", {})
_ListTenantsQueryMay = TypedDict("_ListTenantsQueryMay", {
    "cursor": 'str',
    "limit": 'int',
    "use": 'Literal["true"]',
}, total=False)


class ListTenantsQuery(_ListTenantsQueryMust, _ListTenantsQueryMay):
    pass


_ListWebhookDeliveriesQueryMust = TypedDict("_ListWebhookDeliveriesQueryMust", {})
_ListWebhookDeliveriesQueryMay = TypedDict("_ListWebhookDeliveriesQueryMay", {
    "cursor": 'str',
    "limit": 'int',
    "state": 'Literal["waiting", "held", "done", "dead"]',
}, total=False)


class ListWebhookDeliveriesQuery(_ListWebhookDeliveriesQueryMust, _ListWebhookDeliveriesQueryMay):
    pass


_LockMust = TypedDict("_LockMust", {
    "id": 'str',
    "tenant": 'str',
    "kind": 'Literal["session", "subject", "device", "client", "network", "tenant"]',
    "message": 'str',
    "setBy": 'str',
    "setAt": 'str',
    "updatedAt": 'str',
})
_LockMay = TypedDict("_LockMay", {
    "value": 'str',
    "reason": 'str',
    "expiresAt": 'str',
}, total=False)


class Lock(_LockMust, _LockMay):
    pass


_LockPageMust = TypedDict("_LockPageMust", {
    "items": 'List[Lock]',
    "serverTime": 'str',
})
_LockPageMay = TypedDict("_LockPageMay", {
    "nextCursor": 'str',
}, total=False)


class LockPage(_LockPageMust, _LockPageMay):
    pass


_LockSessionBodyMust = TypedDict("_LockSessionBodyMust", {})
_LockSessionBodyMay = TypedDict("_LockSessionBodyMay", {
    "factors": 'int',
}, total=False)


class LockSessionBody(_LockSessionBodyMust, _LockSessionBodyMay):
    pass


_NewLockMust = TypedDict("_NewLockMust", {
    "kind": 'Literal["session", "subject", "device", "client", "network", "tenant"]',
    "message": 'str',
})
_NewLockMay = TypedDict("_NewLockMay", {
    "value": 'str',
    "reason": 'str',
    "expiresAt": 'str',
    "confirm": 'bool',
}, total=False)


class NewLock(_NewLockMust, _NewLockMay):
    pass


_NewSessionMust = TypedDict("_NewSessionMust", {
    "subject": 'str',
})
_NewSessionMay = TypedDict("_NewSessionMay", {
    "kind": 'str',
    "amr": 'List[str]',
    "acr": 'str',
    "device": 'Device',
    "remember": 'bool',
    "pending": 'bool',
    "data": 'Dict[str, Any]',
    "parent": 'str',
    "actor": 'str',
    "cause": 'str',
    "clientId": 'str',
    "roles": 'List[str]',
    "subjectEpoch": 'int',
    "client": 'Dict[str, Any]',
}, total=False)


class NewSession(_NewSessionMust, _NewSessionMay):
    pass


_NewTenantMust = TypedDict("_NewTenantMust", {
    "id": 'str',
})
_NewTenantMay = TypedDict("_NewTenantMay", {
    "name": 'str',
    "policy": 'Union[str, Dict[str, Any]]',
    "quotas": 'TenantQuotaWish',
}, total=False)


class NewTenant(_NewTenantMust, _NewTenantMay):
    pass


_NewWebhookMust = TypedDict("_NewWebhookMust", {
    "url": 'str',
})
_NewWebhookMay = TypedDict("_NewWebhookMay", {
    "events": 'List[str]',
    "description": 'str',
}, total=False)


class NewWebhook(_NewWebhookMust, _NewWebhookMay):
    pass


_NodesHealthMust = TypedDict("_NodesHealthMust", {
    "store": 'Dict[str, Any]',
    "control": 'Dict[str, Any]',
    "audit": 'Dict[str, Any]',
    "node": 'Dict[str, Any]',
    "serverTime": 'str',
})
_NodesHealthMay = TypedDict("_NodesHealthMay", {
    "frontier": 'Dict[str, Any]',
}, total=False)


class NodesHealth(_NodesHealthMust, _NodesHealthMay):
    pass


_OpenedSessionMust = TypedDict("_OpenedSessionMust", {
    "session": 'Session',
    "token": 'str',
    "evicted": 'List[Session]',
    "serverTime": 'str',
})
_OpenedSessionMay = TypedDict("_OpenedSessionMay", {
    "headers": 'Dict[str, Any]',
}, total=False)


class OpenedSession(_OpenedSessionMust, _OpenedSessionMay):
    pass


_OperationMust = TypedDict("_OperationMust", {
    "id": 'str',
    "state": 'Literal["running", "done", "cancelled"]',
    "action": 'Literal["revoke", "lock"]',
    "filter": 'Dict[str, Any]',
    "startedBy": 'str',
    "startedAt": 'str',
    "total": 'int',
    "done": 'int',
    "failed": 'int',
    "failures": 'List[Dict[str, Any]]',
})
_OperationMay = TypedDict("_OperationMay", {
    "except": 'List[str]',
    "cause": 'str',
    "finishedAt": 'str',
    "trouble": 'str',
}, total=False)


class Operation(_OperationMust, _OperationMay):
    pass


_OverviewMust = TypedDict("_OverviewMust", {
    "tenant": 'str',
    "last24h": 'Dict[str, Any]',
    "serverTime": 'str',
})
_OverviewMay = TypedDict("_OverviewMay", {
    "live": 'Dict[str, Any]',
}, total=False)


class Overview(_OverviewMust, _OverviewMay):
    pass


_PolicyExplainedMust = TypedDict("_PolicyExplainedMust", {
    "policy": 'Dict[str, Any]',
    "presets": 'List[Dict[str, Any]]',
    "serverTime": 'str',
})
_PolicyExplainedMay = TypedDict("_PolicyExplainedMay", {}, total=False)


class PolicyExplained(_PolicyExplainedMust, _PolicyExplainedMay):
    pass


_PolicyFieldMust = TypedDict("_PolicyFieldMust", {
    "field": 'str',
    "value": 'Any',
    "human": 'str',
    "from": 'str',
    "means": 'str',
    "clause": 'str',
})
_PolicyFieldMay = TypedDict("_PolicyFieldMay", {
    "cap": 'str',
    "capSource": 'str',
    "justification": 'str',
    "note": 'str',
}, total=False)


class PolicyField(_PolicyFieldMust, _PolicyFieldMay):
    pass


_PolicySimulatedMust = TypedDict("_PolicySimulatedMust", {
    "from": 'str',
    "to": 'str',
    "policy": 'Dict[str, Any]',
    "sessions": 'Dict[str, Any]',
    "items": 'List[Dict[str, Any]]',
    "bounds": 'List[str]',
    "serverTime": 'str',
})
_PolicySimulatedMay = TypedDict("_PolicySimulatedMay", {}, total=False)


class PolicySimulated(_PolicySimulatedMust, _PolicySimulatedMay):
    pass


_RefreshDeviceBodyMust = TypedDict("_RefreshDeviceBodyMust", {
    "headers": 'Dict[str, Any]',
})
_RefreshDeviceBodyMay = TypedDict("_RefreshDeviceBodyMay", {}, total=False)


class RefreshDeviceBody(_RefreshDeviceBodyMust, _RefreshDeviceBodyMay):
    pass


_RevocationPageMust = TypedDict("_RevocationPageMust", {
    "tenant": 'str',
    "position": 'str',
    "entries": 'List[Dict[str, Any]]',
    "complete": 'bool',
    "serverTime": 'str',
    "ageSeconds": 'float',
    "keepSeconds": 'float',
})
_RevocationPageMay = TypedDict("_RevocationPageMay", {}, total=False)


class RevocationPage(_RevocationPageMust, _RevocationPageMay):
    pass


_RevocationsQueryMust = TypedDict("_RevocationsQueryMust", {})
_RevocationsQueryMay = TypedDict("_RevocationsQueryMay", {
    "since": 'str',
    "nonce": 'str',
    "wait": 'int',
}, total=False)


class RevocationsQuery(_RevocationsQueryMust, _RevocationsQueryMay):
    pass


_RevokeServiceKeyReplyMust = TypedDict("_RevokeServiceKeyReplyMust", {
    "key": 'ServiceKey',
    "serverTime": 'str',
})
_RevokeServiceKeyReplyMay = TypedDict("_RevokeServiceKeyReplyMay", {}, total=False)


class RevokeServiceKeyReply(_RevokeServiceKeyReplyMust, _RevokeServiceKeyReplyMay):
    pass


_RevokeSessionBodyMust = TypedDict("_RevokeSessionBodyMust", {})
_RevokeSessionBodyMay = TypedDict("_RevokeSessionBodyMay", {
    "cause": 'str',
    "actor": 'str',
}, total=False)


class RevokeSessionBody(_RevokeSessionBodyMust, _RevokeSessionBodyMay):
    pass


_RevokeSubjectBodyMust = TypedDict("_RevokeSubjectBodyMust", {})
_RevokeSubjectBodyMay = TypedDict("_RevokeSubjectBodyMay", {
    "except": 'str',
    "cause": 'str',
    "actor": 'str',
}, total=False)


class RevokeSubjectBody(_RevokeSubjectBodyMust, _RevokeSubjectBodyMay):
    pass


_RevokeSubjectReplyMust = TypedDict("_RevokeSubjectReplyMust", {
    "ended": 'int',
    "epoch": 'int',
    "durability": 'Literal["memory", "local", "replicated", "quorum", "unknown"]',
    "serverTime": 'str',
})
_RevokeSubjectReplyMay = TypedDict("_RevokeSubjectReplyMay", {}, total=False)


class RevokeSubjectReply(_RevokeSubjectReplyMust, _RevokeSubjectReplyMay):
    pass


_RotateServiceKeyBodyMust = TypedDict("_RotateServiceKeyBodyMust", {})
_RotateServiceKeyBodyMay = TypedDict("_RotateServiceKeyBodyMay", {
    "overlapSeconds": 'int',
}, total=False)


class RotateServiceKeyBody(_RotateServiceKeyBodyMust, _RotateServiceKeyBodyMay):
    pass


_RotateServiceKeyReplyMust = TypedDict("_RotateServiceKeyReplyMust", {
    "key": 'ServiceKey',
    "secret": 'str',
    "serverTime": 'str',
})
_RotateServiceKeyReplyMay = TypedDict("_RotateServiceKeyReplyMay", {
    "replaces": 'str',
}, total=False)


class RotateServiceKeyReply(_RotateServiceKeyReplyMust, _RotateServiceKeyReplyMay):
    pass


_SearchIndexMust = TypedDict("_SearchIndexMust", {
    "asOf": 'str',
    "lagSeconds": 'float',
    "complete": 'bool',
})
_SearchIndexMay = TypedDict("_SearchIndexMay", {}, total=False)


class SearchIndex(_SearchIndexMust, _SearchIndexMay):
    """How old the index is that found these. What is shown of each is of now."""


_ServiceKeyMust = TypedDict("_ServiceKeyMust", {
    "id": 'str',
    "name": 'str',
    "tenant": 'str',
    "scopes": 'List[Literal["sessions:read", "sessions:write", "sessions:impersonate", "audit:read", "privacy:write", "tenants:write", "locks:write", "bulk:write", "webhooks:write", "analytics:read", "data:read", "keys:read", "keys:write", "health:read", "policy:read"]]',
    "state": 'Literal["live", "ending", "revoked"]',
    "createdAt": 'str',
})
_ServiceKeyMay = TypedDict("_ServiceKeyMay", {
    "lastUsedAt": 'str',
    "revokedAt": 'str',
}, total=False)


class ServiceKey(_ServiceKeyMust, _ServiceKeyMay):
    """Everything about a key but the key."""


_SessionMust = TypedDict("_SessionMust", {
    "id": 'str',
    "tenant": 'str',
    "subject": 'Union[str, None]',
    "kind": 'str',
    "state": 'Literal["pending", "active", "locked", "ended"]',
    "createdAt": 'str',
    "authenticatedAt": 'str',
    "seenAt": 'str',
    "idleExpiresAt": 'str',
    "absoluteExpiresAt": 'str',
    "idleSeconds": 'float',
    "subjectEpoch": 'int',
    "assurance": 'Assurance',
})
_SessionMay = TypedDict("_SessionMay", {
    "idleFactors": 'int',
    "warnAt": 'str',
    "device": 'Device',
    "roles": 'List[str]',
    "clientId": 'str',
    "parent": 'str',
    "actor": 'str',
    "remember": 'bool',
    "data": 'Dict[str, Any]',
    "required": 'Dict[str, Any]',
    "binding": 'Dict[str, Any]',
    "end": 'Dict[str, Any]',
    "version": 'str',
}, total=False)


class Session(_SessionMust, _SessionMay):
    pass


_SessionExplainedMust = TypedDict("_SessionExplainedMust", {
    "session": 'Session',
    "state": 'Literal["pending", "active", "locked", "ended"]',
    "says": 'str',
    "now": 'str',
    "clocks": 'List[Dict[str, Any]]',
    "rules": 'List[Dict[str, Any]]',
    "tokens": 'Dict[str, Any]',
    "data": 'Dict[str, Any]',
    "policy": 'Dict[str, Any]',
    "serverTime": 'str',
})
_SessionExplainedMay = TypedDict("_SessionExplainedMay", {
    "fix": 'str',
    "binding": 'Dict[str, Any]',
}, total=False)


class SessionExplained(_SessionExplainedMust, _SessionExplainedMay):
    pass


_SessionPageMust = TypedDict("_SessionPageMust", {
    "items": 'List[Session]',
    "serverTime": 'str',
})
_SessionPageMay = TypedDict("_SessionPageMay", {
    "nextCursor": 'str',
    "count": 'Dict[str, Any]',
    "index": 'SearchIndex',
}, total=False)


class SessionPage(_SessionPageMust, _SessionPageMay):
    pass


_SessionTimelineQueryMust = TypedDict("_SessionTimelineQueryMust", {})
_SessionTimelineQueryMay = TypedDict("_SessionTimelineQueryMay", {
    "cursor": 'str',
    "limit": 'int',
}, total=False)


class SessionTimelineQuery(_SessionTimelineQueryMust, _SessionTimelineQueryMay):
    pass


_SetLockReplyMust = TypedDict("_SetLockReplyMust", {
    "lock": 'Lock',
    "ended": 'int',
    "serverTime": 'str',
})
_SetLockReplyMay = TypedDict("_SetLockReplyMay", {}, total=False)


class SetLockReply(_SetLockReplyMust, _SetLockReplyMay):
    pass


_SimulatePolicyBodyMust = TypedDict("_SimulatePolicyBodyMust", {
    "policy": 'Union[str, Dict[str, Any]]',
})
_SimulatePolicyBodyMay = TypedDict("_SimulatePolicyBodyMay", {
    "from": 'str',
    "to": 'str',
}, total=False)


class SimulatePolicyBody(_SimulatePolicyBodyMust, _SimulatePolicyBodyMay):
    pass


_StepUpSessionBodyMust = TypedDict("_StepUpSessionBodyMust", {
    "amr": 'List[str]',
})
_StepUpSessionBodyMay = TypedDict("_StepUpSessionBodyMay", {
    "acr": 'str',
    "unproven": 'bool',
}, total=False)


class StepUpSessionBody(_StepUpSessionBodyMust, _StepUpSessionBodyMay):
    pass


_TenantMust = TypedDict("_TenantMust", {
    "id": 'str',
    "name": 'str',
    "state": 'Literal["active", "suspended", "erased"]',
    "createdAt": 'str',
    "quotas": 'Dict[str, Any]',
    "ownKey": 'bool',
    "version": 'str',
})
_TenantMay = TypedDict("_TenantMay", {
    "policy": 'Union[str, Dict[str, Any]]',
    "use": 'Dict[str, Any]',
    "erasedAt": 'str',
    "purgedAt": 'str',
}, total=False)


class Tenant(_TenantMust, _TenantMay):
    pass


_TenantChangeMust = TypedDict("_TenantChangeMust", {})
_TenantChangeMay = TypedDict("_TenantChangeMay", {
    "name": 'str',
    "policy": 'Union[Union[str, Dict[str, Any]], None]',
    "quotas": 'TenantQuotaWish',
}, total=False)


class TenantChange(_TenantChangeMust, _TenantChangeMay):
    pass


_TenantPageMust = TypedDict("_TenantPageMust", {
    "items": 'List[Tenant]',
    "serverTime": 'str',
})
_TenantPageMay = TypedDict("_TenantPageMay", {
    "nextCursor": 'str',
}, total=False)


class TenantPage(_TenantPageMust, _TenantPageMay):
    pass


_TenantQuotaWishMust = TypedDict("_TenantQuotaWishMust", {})
_TenantQuotaWishMay = TypedDict("_TenantQuotaWishMay", {
    "sessions": 'Union[int, None]',
    "sessionsPerSubject": 'Union[int, None]',
    "requestsPerSecond": 'Union[int, None]',
    "serviceKeys": 'Union[int, None]',
}, total=False)


class TenantQuotaWish(_TenantQuotaWishMust, _TenantQuotaWishMay):
    pass


_TenantReplyMust = TypedDict("_TenantReplyMust", {
    "tenant": 'Tenant',
    "serverTime": 'str',
})
_TenantReplyMay = TypedDict("_TenantReplyMay", {}, total=False)


class TenantReply(_TenantReplyMust, _TenantReplyMay):
    pass


_UnlockSessionBodyMust = TypedDict("_UnlockSessionBodyMust", {
    "amr": 'List[str]',
})
_UnlockSessionBodyMay = TypedDict("_UnlockSessionBodyMay", {
    "acr": 'str',
    "unproven": 'bool',
}, total=False)


class UnlockSessionBody(_UnlockSessionBodyMust, _UnlockSessionBodyMay):
    pass


_UnprovenDeviceMust = TypedDict("_UnprovenDeviceMust", {
    "why": 'Literal["missing", "conflict", "foreign", "expired"]',
    "enforcement": 'Literal["observe", "step-up", "require", "degraded"]',
    "headers": 'Dict[str, Any]',
})
_UnprovenDeviceMay = TypedDict("_UnprovenDeviceMay", {}, total=False)


class UnprovenDevice(_UnprovenDeviceMust, _UnprovenDeviceMay):
    """The device it is bound to did not prove itself."""


_VerdictMust = TypedDict("_VerdictMust", {
    "state": 'Literal["pending", "active", "locked", "ended", "unknown"]',
    "cacheSeconds": 'int',
})
_VerdictMay = TypedDict("_VerdictMay", {
    "session": 'Dict[str, Any]',
    "reason": 'Literal["revoked", "logout", "idle_timeout", "absolute_timeout", "replaced", "evicted", "reuse_detected", "subject_revoked", "locked_out"]',
    "message": 'str',
    "successor": 'str',
    "settled": 'bool',
    "unmet": 'Dict[str, Any]',
    "unproven": 'UnprovenDevice',
    "etag": 'str',
}, total=False)


class Verdict(_VerdictMust, _VerdictMay):
    pass


_VerifyMust = TypedDict("_VerifyMust", {})
_VerifyMay = TypedDict("_VerifyMay", {
    "token": 'str',
    "tokens": 'List[str]',
    "boundCookie": 'str',
    "skipped": 'str',
    "activity": 'bool',
    "canSetToken": 'bool',
    "require": 'Dict[str, Any]',
    "fields": 'List[Literal["id", "tenant", "subject", "kind", "state", "createdAt", "authenticatedAt", "seenAt", "idleExpiresAt", "absoluteExpiresAt", "idleSeconds", "idleFactors", "subjectEpoch", "warnAt", "assurance", "device", "roles", "clientId", "parent", "actor", "remember", "data", "required", "binding", "end", "version"]]',
    "client": 'Dict[str, Any]',
}, total=False)


class Verify(_VerifyMust, _VerifyMay):
    """Exactly one of `token` and `tokens`."""


_VerifyAccessBodyMust = TypedDict("_VerifyAccessBodyMust", {
    "audience": 'str',
    "method": 'str',
    "url": 'str',
})
_VerifyAccessBodyMay = TypedDict("_VerifyAccessBodyMay", {
    "authorization": 'Union[str, List[str]]',
    "dpop": 'Union[str, List[str]]',
}, total=False)


class VerifyAccessBody(_VerifyAccessBodyMust, _VerifyAccessBodyMay):
    pass


_VerifyReplyMust = TypedDict("_VerifyReplyMust", {
    "serverTime": 'str',
})
_VerifyReplyMay = TypedDict("_VerifyReplyMay", {
    "state": 'Literal["pending", "active", "locked", "ended", "unknown"]',
    "session": 'Dict[str, Any]',
    "reason": 'Literal["revoked", "logout", "idle_timeout", "absolute_timeout", "replaced", "evicted", "reuse_detected", "subject_revoked", "locked_out"]',
    "message": 'str',
    "successor": 'str',
    "settled": 'bool',
    "unmet": 'Dict[str, Any]',
    "unproven": 'UnprovenDevice',
    "etag": 'str',
    "cacheSeconds": 'int',
    "results": 'List[Verdict]',
}, total=False)


class VerifyReply(_VerifyReplyMust, _VerifyReplyMay):
    pass


_WebhookMust = TypedDict("_WebhookMust", {
    "id": 'str',
    "url": 'str',
    "events": 'List[str]',
    "description": 'str',
    "enabled": 'bool',
    "createdAt": 'str',
    "version": 'str',
})
_WebhookMay = TypedDict("_WebhookMay", {
    "disabledBy": 'Literal["operator", "failing", "gone"]',
    "failingSince": 'str',
    "oldSecretUntil": 'str',
}, total=False)


class Webhook(_WebhookMust, _WebhookMay):
    pass


_WebhookChangeMust = TypedDict("_WebhookChangeMust", {})
_WebhookChangeMay = TypedDict("_WebhookChangeMay", {
    "url": 'str',
    "events": 'List[str]',
    "description": 'str',
    "enabled": 'bool',
}, total=False)


class WebhookChange(_WebhookChangeMust, _WebhookChangeMay):
    pass


_WebhookDeletedMust = TypedDict("_WebhookDeletedMust", {
    "deleted": 'Literal[True]',
    "serverTime": 'str',
})
_WebhookDeletedMay = TypedDict("_WebhookDeletedMay", {}, total=False)


class WebhookDeleted(_WebhookDeletedMust, _WebhookDeletedMay):
    pass


_WebhookDeliveryMust = TypedDict("_WebhookDeliveryMust", {
    "id": 'str',
    "name": 'str',
    "at": 'str',
    "state": 'Literal["waiting", "held", "done", "dead"]',
    "tries": 'int',
})
_WebhookDeliveryMay = TypedDict("_WebhookDeliveryMay", {
    "status": 'int',
    "trouble": 'Literal["status", "redirect", "timeout", "unresolved", "refused-address", "connection", "tls", "retired", "secret"]',
    "triedAt": 'str',
    "nextTryAt": 'str',
}, total=False)


class WebhookDelivery(_WebhookDeliveryMust, _WebhookDeliveryMay):
    pass


_WebhookDeliveryPageMust = TypedDict("_WebhookDeliveryPageMust", {
    "items": 'List[WebhookDelivery]',
    "serverTime": 'str',
})
_WebhookDeliveryPageMay = TypedDict("_WebhookDeliveryPageMay", {
    "nextCursor": 'str',
}, total=False)


class WebhookDeliveryPage(_WebhookDeliveryPageMust, _WebhookDeliveryPageMay):
    pass


_WebhookListMust = TypedDict("_WebhookListMust", {
    "items": 'List[Dict[str, Any]]',
    "serverTime": 'str',
})
_WebhookListMay = TypedDict("_WebhookListMay", {}, total=False)


class WebhookList(_WebhookListMust, _WebhookListMay):
    pass


_WebhookReplayMust = TypedDict("_WebhookReplayMust", {})
_WebhookReplayMay = TypedDict("_WebhookReplayMay", {
    "delivery": 'str',
    "dead": 'Literal[True]',
    "from": 'str',
    "to": 'str',
}, total=False)


class WebhookReplay(_WebhookReplayMust, _WebhookReplayMay):
    """One of `delivery`, `dead` and `from`."""


_WebhookReplayedMust = TypedDict("_WebhookReplayedMust", {
    "queued": 'int',
    "complete": 'bool',
    "serverTime": 'str',
})
_WebhookReplayedMay = TypedDict("_WebhookReplayedMay", {}, total=False)


class WebhookReplayed(_WebhookReplayedMust, _WebhookReplayedMay):
    pass


_WebhookReplyMust = TypedDict("_WebhookReplyMust", {
    "webhook": 'Webhook',
    "serverTime": 'str',
})
_WebhookReplyMay = TypedDict("_WebhookReplyMay", {}, total=False)


class WebhookReply(_WebhookReplyMust, _WebhookReplyMay):
    pass


_WebhookRotationMust = TypedDict("_WebhookRotationMust", {})
_WebhookRotationMay = TypedDict("_WebhookRotationMay", {
    "overlap": 'int',
}, total=False)


class WebhookRotation(_WebhookRotationMust, _WebhookRotationMay):
    pass


_WebhookSecretReplyMust = TypedDict("_WebhookSecretReplyMust", {
    "webhook": 'Dict[str, Any]',
    "secret": 'str',
    "serverTime": 'str',
})
_WebhookSecretReplyMay = TypedDict("_WebhookSecretReplyMay", {}, total=False)


class WebhookSecretReply(_WebhookSecretReplyMust, _WebhookSecretReplyMay):
    pass


_WebhookTestMust = TypedDict("_WebhookTestMust", {
    "delivered": 'bool',
    "serverTime": 'str',
})
_WebhookTestMay = TypedDict("_WebhookTestMay", {
    "status": 'int',
    "trouble": 'Literal["status", "redirect", "timeout", "unresolved", "refused-address", "connection", "tls", "retired", "secret"]',
}, total=False)


class WebhookTest(_WebhookTestMust, _WebhookTestMay):
    pass



class _Operations(_Caller):
    """One method per operation; each raises `SojournError`."""

    def open_session(
        self,
        body: NewSession,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> OpenedSession:
        """Open a session after you authenticated somebody.

        `POST /v1/sessions`
        """
        return self._call(
            "POST",
            "/v1/sessions",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def list_sessions(
        self,
        query: Optional[ListSessionsQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> SessionPage:
        """List sessions, newest first; live ones unless `state` says otherwise.

        `GET /v1/sessions`
        """
        return self._call(
            "GET",
            "/v1/sessions",
            query=query,
            timeout=timeout,
        )

    def verify(self, body: Verify, *, timeout: Optional[float] = None) -> VerifyReply:
        """What is a token worth now? One, or up to 500 at once.

        `POST /v1/sessions/verify`
        """
        return self._call(
            "POST",
            "/v1/sessions/verify",
            body=body,
            repeatable=True,
            timeout=timeout,
        )

    def issue_access_token(
        self,
        id: str,
        body: IssueAccessTokenBody,
        *,
        timeout: Optional[float] = None,
    ) -> IssueAccessTokenReply:
        """An access token (JWT, RFC 9068) of an active session, for one audience.

        `POST /v1/sessions/{id}/access-token`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/access-token",
            body=body,
            repeatable=True,
            timeout=timeout,
        )

    def issue_refresh_token(
        self,
        id: str,
        body: IssueRefreshTokenBody,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> IssueRefreshTokenReply:
        """A refresh token for a client of an active session: used at /oauth/token.

        `POST /v1/sessions/{id}/refresh-token`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/refresh-token",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def revocations(
        self,
        query: Optional[RevocationsQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> RevocationPage:
        """What ended lately in this tenant: a snapshot, or what came after `since`.

        `GET /v1/revocations`
        """
        return self._call(
            "GET",
            "/v1/revocations",
            query=query,
            timeout=timeout,
        )

    def register_device(
        self,
        body: BrowserRequest,
        *,
        timeout: Optional[float] = None,
    ) -> BrowserAnswer:
        """Hand on a browser's request to PATH/register, with the token of its session.

        `POST /v1/device-bindings/register`
        """
        return self._call(
            "POST",
            "/v1/device-bindings/register",
            body=body,
            timeout=timeout,
        )

    def prove_device_key(
        self,
        body: BrowserRequest,
        *,
        timeout: Optional[float] = None,
    ) -> BrowserAnswer:
        """Hand on a request of sojourn-client to PATH/webcrypto, with its session's token.

        `POST /v1/device-bindings/webcrypto`
        """
        return self._call(
            "POST",
            "/v1/device-bindings/webcrypto",
            body=body,
            timeout=timeout,
        )

    def refresh_device(
        self,
        body: RefreshDeviceBody,
        *,
        timeout: Optional[float] = None,
    ) -> BrowserAnswer:
        """Hand on a browser's request to PATH/refresh: a new bound cookie for a proof.

        `POST /v1/device-bindings/refresh`
        """
        return self._call(
            "POST",
            "/v1/device-bindings/refresh",
            body=body,
            timeout=timeout,
        )

    def verify_access(
        self,
        body: VerifyAccessBody,
        *,
        timeout: Optional[float] = None,
    ) -> AccessVerdict:
        """What is a request with an access token worth? Bearer, or DPoP with its proof.

        `POST /v1/access-tokens/verify`
        """
        return self._call(
            "POST",
            "/v1/access-tokens/verify",
            body=body,
            timeout=timeout,
        )

    def get_session(self, id: str, *, timeout: Optional[float] = None) -> GetSessionReply:
        """One session, live or ended; looking never slides a deadline.

        `GET /v1/sessions/{id}`
        """
        return self._call(
            "GET",
            f"/v1/sessions/{_part(id)}",
            timeout=timeout,
        )

    def change_session(
        self,
        id: str,
        body: ChangeSessionBody,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> ChangedSession:
        """Merge data per key; replace roles.

        `PATCH /v1/sessions/{id}`
        """
        return self._call(
            "PATCH",
            f"/v1/sessions/{_part(id)}",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def delete_session(self, id: str, *, timeout: Optional[float] = None) -> EndedSession:
        """End a session now; its row is erased once nothing could replay it.

        `DELETE /v1/sessions/{id}`
        """
        return self._call(
            "DELETE",
            f"/v1/sessions/{_part(id)}",
            timeout=timeout,
        )

    def revoke_session(
        self,
        id: str,
        body: Optional[RevokeSessionBody] = None,
        *,
        timeout: Optional[float] = None,
    ) -> EndedSession:
        """End a session now; durable when answered, and idempotent.

        `POST /v1/sessions/{id}/revoke`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/revoke",
            body=body,
            repeatable=True,
            timeout=timeout,
        )

    def extend_session(
        self,
        id: str,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> ChangedSession:
        """The person answered the warning: the idle clock starts anew.

        `POST /v1/sessions/{id}/extend`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/extend",
            if_match=if_match,
            timeout=timeout,
        )

    def rotate_session(
        self,
        id: str,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> ChangedSession:
        """A new token at once, after a change of rights or credentials.

        `POST /v1/sessions/{id}/rotate`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/rotate",
            if_match=if_match,
            timeout=timeout,
        )

    def lock_session(
        self,
        id: str,
        body: Optional[LockSessionBody] = None,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> ChangedSession:
        """Suspend until factors are given again.

        `POST /v1/sessions/{id}/lock`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/lock",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def unlock_session(
        self,
        id: str,
        body: UnlockSessionBody,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> ChangedSession:
        """Lift a lock with the factors you have just checked; a new token.

        `POST /v1/sessions/{id}/unlock`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/unlock",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def step_up_session(
        self,
        id: str,
        body: StepUpSessionBody,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> ChangedSession:
        """Record a factor you have just checked; completes `pending`; a new token.

        `POST /v1/sessions/{id}/step-up`
        """
        return self._call(
            "POST",
            f"/v1/sessions/{_part(id)}/step-up",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def get_subject(
        self,
        subject: str,
        *,
        timeout: Optional[float] = None,
    ) -> GetSubjectReply:
        """Epoch and number of live sessions.

        `GET /v1/subjects/{subject}`
        """
        return self._call(
            "GET",
            f"/v1/subjects/{_part(subject)}",
            timeout=timeout,
        )

    def list_subject_sessions(
        self,
        subject: str,
        query: Optional[ListSubjectSessionsQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> SessionPage:
        """Live sessions of one subject, newest first; none is missing.

        `GET /v1/subjects/{subject}/sessions`
        """
        return self._call(
            "GET",
            f"/v1/subjects/{_part(subject)}/sessions",
            query=query,
            timeout=timeout,
        )

    def revoke_subject(
        self,
        subject: str,
        body: Optional[RevokeSubjectBody] = None,
        *,
        timeout: Optional[float] = None,
    ) -> RevokeSubjectReply:
        """End all sessions of a subject at once; with `except` one stays.

        `POST /v1/subjects/{subject}/revoke`
        """
        return self._call(
            "POST",
            f"/v1/subjects/{_part(subject)}/revoke",
            body=body,
            timeout=timeout,
        )

    def list_audit(
        self,
        query: Optional[ListAuditQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> AuditPage:
        """Audit entries of the tenant, newest first.

        `GET /v1/audit`
        """
        return self._call(
            "GET",
            "/v1/audit",
            query=query,
            timeout=timeout,
        )

    def export_audit(
        self,
        query: Optional[ExportAuditQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> str:
        """All audit entries of the tenant that match, oldest first, one on a line.

        `GET /v1/audit/export`
        """
        return self._call(
            "GET",
            "/v1/audit/export",
            query=query,
            text=True,
            timeout=timeout,
        )

    def explain_session(
        self,
        id: str,
        query: Optional[ExplainSessionQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> SessionExplained:
        """Every clock and rule of a session: why it is active, or why it ended.

        `GET /v1/sessions/{id}/explain`
        """
        return self._call(
            "GET",
            f"/v1/sessions/{_part(id)}/explain",
            query=query,
            timeout=timeout,
        )

    def session_timeline(
        self,
        id: str,
        query: Optional[SessionTimelineQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> AuditPage:
        """Audit entries of one session, newest first.

        `GET /v1/sessions/{id}/timeline`
        """
        return self._call(
            "GET",
            f"/v1/sessions/{_part(id)}/timeline",
            query=query,
            timeout=timeout,
        )

    def overview(self, *, timeout: Optional[float] = None) -> Overview:
        """Live sessions now; sign-ins and ends of the last 24 hours, by hour of UTC.

        `GET /v1/overview`
        """
        return self._call("GET", "/v1/overview", timeout=timeout)

    def nodes_health(self, *, timeout: Optional[float] = None) -> NodesHealth:
        """Stores, this process, and whether every process knows what was acknowledged.

        `GET /v1/health/nodes`
        """
        return self._call("GET", "/v1/health/nodes", timeout=timeout)

    def list_service_keys(self, *, timeout: Optional[float] = None) -> ListServiceKeysReply:
        """Service keys of the tenant, newest first; at most 1000.

        `GET /v1/keys`
        """
        return self._call("GET", "/v1/keys", timeout=timeout)

    def create_service_key(
        self,
        body: CreateServiceKeyBody,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> CreateServiceKeyReply:
        """Make a service key of the tenant; it may do no more than whoever makes it.

        `POST /v1/keys`
        """
        return self._call(
            "POST",
            "/v1/keys",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def list_signing_keys(self, *, timeout: Optional[float] = None) -> ListSigningKeysReply:
        """Which cryptographic keys the installation has, and what for.

        `GET /v1/signing-keys`
        """
        return self._call("GET", "/v1/signing-keys", timeout=timeout)

    def rotate_service_key(
        self,
        id: str,
        body: Optional[RotateServiceKeyBody] = None,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> RotateServiceKeyReply:
        """A new key under the same name, tenant and scopes.

        `POST /v1/keys/{id}/rotate`
        """
        return self._call(
            "POST",
            f"/v1/keys/{_part(id)}/rotate",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def revoke_service_key(
        self,
        id: str,
        *,
        timeout: Optional[float] = None,
    ) -> RevokeServiceKeyReply:
        """End a service key; idempotent, and counts everywhere within a second.

        `POST /v1/keys/{id}/revoke`
        """
        return self._call(
            "POST",
            f"/v1/keys/{_part(id)}/revoke",
            timeout=timeout,
        )

    def explain_policy(
        self,
        query: Optional[ExplainPolicyQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> PolicyExplained:
        """Every limit that holds for the tenant, where it comes from, and the presets.

        `GET /v1/policy`
        """
        return self._call(
            "GET",
            "/v1/policy",
            query=query,
            timeout=timeout,
        )

    def simulate_policy(
        self,
        body: SimulatePolicyBody,
        *,
        timeout: Optional[float] = None,
    ) -> PolicySimulated:
        """Replay recorded history against another policy: who would have been signed out.

        `POST /v1/policy/simulate`
        """
        return self._call(
            "POST",
            "/v1/policy/simulate",
            body=body,
            timeout=timeout,
        )

    def export_subject(
        self,
        subject: str,
        *,
        timeout: Optional[float] = None,
    ) -> ExportSubjectReply:
        """Everything that is kept of a subject, as one JSON document.

        `GET /v1/subjects/{subject}/export`
        """
        return self._call(
            "GET",
            f"/v1/subjects/{_part(subject)}/export",
            timeout=timeout,
        )

    def erase_subject(
        self,
        subject: str,
        body: EraseSubjectBody,
        *,
        timeout: Optional[float] = None,
    ) -> EraseSubjectReply:
        """End all sessions of a subject and forget it, in every store and in the trail.

        `POST /v1/subjects/{subject}/erase`
        """
        return self._call(
            "POST",
            f"/v1/subjects/{_part(subject)}/erase",
            body=body,
            timeout=timeout,
        )

    def list_cookies(
        self,
        query: Optional[ListCookiesQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> ListCookiesReply:
        """Which cookies there are, what for and for how long.

        `GET /v1/cookies`
        """
        return self._call(
            "GET",
            "/v1/cookies",
            query=query,
            timeout=timeout,
        )

    def list_tenants(
        self,
        query: Optional[ListTenantsQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> TenantPage:
        """All tenants of the installation, by id; erased ones too.

        `GET /v1/tenants`
        """
        return self._call(
            "GET",
            "/v1/tenants",
            query=query,
            timeout=timeout,
        )

    def create_tenant(
        self,
        body: NewTenant,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> TenantReply:
        """Make a tenant, with a key of its own.

        `POST /v1/tenants`
        """
        return self._call(
            "POST",
            "/v1/tenants",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def get_tenant(self, tenant: str, *, timeout: Optional[float] = None) -> TenantReply:
        """One tenant: state, policy, quotas and what it uses of them.

        `GET /v1/tenants/{tenant}`
        """
        return self._call(
            "GET",
            f"/v1/tenants/{_part(tenant)}",
            timeout=timeout,
        )

    def change_tenant(
        self,
        tenant: str,
        body: TenantChange,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> TenantReply:
        """Change name, policy or quotas.

        `PATCH /v1/tenants/{tenant}`
        """
        return self._call(
            "PATCH",
            f"/v1/tenants/{_part(tenant)}",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def suspend_tenant(
        self,
        tenant: str,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> TenantReply:
        """Refuse all of its requests within a second; nothing ends.

        `POST /v1/tenants/{tenant}/suspend`
        """
        return self._call(
            "POST",
            f"/v1/tenants/{_part(tenant)}/suspend",
            if_match=if_match,
            timeout=timeout,
        )

    def resume_tenant(
        self,
        tenant: str,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> TenantReply:
        """Serve it again; all is as it was.

        `POST /v1/tenants/{tenant}/resume`
        """
        return self._call(
            "POST",
            f"/v1/tenants/{_part(tenant)}/resume",
            if_match=if_match,
            timeout=timeout,
        )

    def erase_tenant(
        self,
        tenant: str,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> TenantReply:
        """Destroy its key, end its service keys, purge all of it; for good, and idempotent.

        `POST /v1/tenants/{tenant}/erase`
        """
        return self._call(
            "POST",
            f"/v1/tenants/{_part(tenant)}/erase",
            if_match=if_match,
            timeout=timeout,
        )

    def list_locks(
        self,
        query: Optional[ListLocksQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> LockPage:
        """Locks that hold, newest first.

        `GET /v1/locks`
        """
        return self._call(
            "GET",
            "/v1/locks",
            query=query,
            timeout=timeout,
        )

    def set_lock(
        self,
        body: NewLock,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> SetLockReply:
        """Keep a subject, device, client, network, session or the tenant out.

        `POST /v1/locks`
        """
        return self._call(
            "POST",
            "/v1/locks",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def get_lock(self, id: str, *, timeout: Optional[float] = None) -> GetLockReply:
        """One lock that holds.

        `GET /v1/locks/{id}`
        """
        return self._call(
            "GET",
            f"/v1/locks/{_part(id)}",
            timeout=timeout,
        )

    def lift_lock(self, id: str, *, timeout: Optional[float] = None) -> LiftLockReply:
        """Lift a lock: new sessions open again, ended ones stay ended.

        `DELETE /v1/locks/{id}`
        """
        return self._call(
            "DELETE",
            f"/v1/locks/{_part(id)}",
            timeout=timeout,
        )

    def bulk(
        self,
        body: Bulk,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> BulkReply:
        """Act on every session that a filter matches: first a dry run, then an operation.

        `POST /v1/bulk`
        """
        return self._call(
            "POST",
            "/v1/bulk",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def list_operations(
        self,
        query: Optional[ListOperationsQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> ListOperationsReply:
        """Operations of the tenant, newest first; kept for 30 days.

        `GET /v1/operations`
        """
        return self._call(
            "GET",
            "/v1/operations",
            query=query,
            timeout=timeout,
        )

    def get_operation(self, id: str, *, timeout: Optional[float] = None) -> GetOperationReply:
        """How far an operation is.

        `GET /v1/operations/{id}`
        """
        return self._call(
            "GET",
            f"/v1/operations/{_part(id)}",
            timeout=timeout,
        )

    def cancel_operation(
        self,
        id: str,
        *,
        timeout: Optional[float] = None,
    ) -> CancelOperationReply:
        """Stop an operation; what it has done stays done.

        `POST /v1/operations/{id}/cancel`
        """
        return self._call(
            "POST",
            f"/v1/operations/{_part(id)}/cancel",
            repeatable=True,
            timeout=timeout,
        )

    def list_webhooks(self, *, timeout: Optional[float] = None) -> WebhookList:
        """Webhooks of the tenant; never their secrets.

        `GET /v1/webhooks`
        """
        return self._call("GET", "/v1/webhooks", timeout=timeout)

    def create_webhook(
        self,
        body: NewWebhook,
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> WebhookSecretReply:
        """Send the tenant's events to a URL.

        `POST /v1/webhooks`
        """
        return self._call(
            "POST",
            "/v1/webhooks",
            body=body,
            idempotency_key=idempotency_key,
            once=True,
            timeout=timeout,
        )

    def get_webhook(self, id: str, *, timeout: Optional[float] = None) -> WebhookReply:
        """One webhook.

        `GET /v1/webhooks/{id}`
        """
        return self._call(
            "GET",
            f"/v1/webhooks/{_part(id)}",
            timeout=timeout,
        )

    def change_webhook(
        self,
        id: str,
        body: WebhookChange,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> WebhookReply:
        """Change where, what, or whether.

        `PATCH /v1/webhooks/{id}`
        """
        return self._call(
            "PATCH",
            f"/v1/webhooks/{_part(id)}",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def delete_webhook(
        self,
        id: str,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> WebhookDeleted:
        """Remove it, and all of its deliveries.

        `DELETE /v1/webhooks/{id}`
        """
        return self._call(
            "DELETE",
            f"/v1/webhooks/{_part(id)}",
            if_match=if_match,
            timeout=timeout,
        )

    def list_webhook_deliveries(
        self,
        id: str,
        query: Optional[ListWebhookDeliveriesQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> WebhookDeliveryPage:
        """What is sent, was sent, and could not be; newest first.

        `GET /v1/webhooks/{id}/deliveries`
        """
        return self._call(
            "GET",
            f"/v1/webhooks/{_part(id)}/deliveries",
            query=query,
            timeout=timeout,
        )

    def rotate_webhook_secret(
        self,
        id: str,
        body: WebhookRotation,
        *,
        if_match: Optional[Version] = None,
        timeout: Optional[float] = None,
    ) -> WebhookSecretReply:
        """A new secret; for a while both sign.

        `POST /v1/webhooks/{id}/rotate-secret`
        """
        return self._call(
            "POST",
            f"/v1/webhooks/{_part(id)}/rotate-secret",
            body=body,
            if_match=if_match,
            timeout=timeout,
        )

    def test_webhook(self, id: str, *, timeout: Optional[float] = None) -> WebhookTest:
        """Send one message `webhook-test` now, and say what came of it.

        `POST /v1/webhooks/{id}/test`
        """
        return self._call(
            "POST",
            f"/v1/webhooks/{_part(id)}/test",
            timeout=timeout,
        )

    def replay_webhook(
        self,
        id: str,
        body: WebhookReplay,
        *,
        timeout: Optional[float] = None,
    ) -> WebhookReplayed:
        """Send again: one delivery, all that are dead, or all of a time.

        `POST /v1/webhooks/{id}/replay`
        """
        return self._call(
            "POST",
            f"/v1/webhooks/{_part(id)}/replay",
            body=body,
            timeout=timeout,
        )

    def get_analytics(
        self,
        query: Optional[GetAnalyticsQuery] = None,
        *,
        timeout: Optional[float] = None,
    ) -> Analytics:
        """Sign-ins, renewals, ends, durations and live sessions by hour or day.

        `GET /v1/analytics`
        """
        return self._call(
            "GET",
            "/v1/analytics",
            query=query,
            timeout=timeout,
        )


# End of what is written by npm run clients.


class Sojourn(_Operations):
    """Every operation of the Backend group, and what is made of several of them."""

    def each(self, page: Callable[..., Mapping[str, Any]], *args: Any, **more: Any) -> Iterator[Any]:
        """Every item of a list, page by page: `each(sojourn.list_sessions, {"subject": "alice"})`."""
        *path, query = args if args and isinstance(args[-1], Mapping) else (*args, {})
        asked = dict(query)
        while True:
            answer = page(*path, asked, **more)
            yield from answer["items"]
            if "nextCursor" not in answer:
                return
            asked["cursor"] = answer["nextCursor"]

    def verify_all(self, tokens: List[str], more: Optional[Verify] = None) -> List[Verdict]:
        """Verdicts of any number of tokens, in their order; 500 go with one request."""
        verdicts: List[Verdict] = []
        for start in range(0, len(tokens), _TOKENS_MAX):
            some = tokens[start : start + _TOKENS_MAX]
            verdicts += self.verify({**(more or {}), "tokens": some})["results"]
        return verdicts

    def change_session_with(
        self, id: str, change: Callable[[Session], ChangeSessionBody]
    ) -> Session:
        """Read a session, change what `change` says of it, begin again when somebody was faster."""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            session = self.get_session(id)["session"]
            try:
                return self.change_session(id, change(session), if_match=session)["session"]
            except SojournError as error:
                if error.code != "version_conflict" or attempt == _ATTEMPTS_MAX:
                    raise
        raise AssertionError
