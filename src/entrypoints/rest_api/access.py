"""Who is calling, and whether they may: DRF's authentication and permission for bearer tokens.

This module must not import `rest_framework.views`, which imports it through DRF's settings.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from domain.access import SECRET_LENGTH_MAX, NotAuthenticated, Principal
from entrypoints.rest_api.wiring import container

# token68 of RFC 9110, section 11.2; scheme names know no case.
_BEARER: Final = re.compile(
    rf"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]{{1,{SECRET_LENGTH_MAX}}}=*) *", re.ASCII
)


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer TOKEN`, looked up on every request; a token in the address is never read."""

    def authenticate(self, request: Request) -> tuple[Principal, None]:
        """The caller. Raises NotAuthenticated, StoreUnavailable."""
        found = _BEARER.fullmatch(request._request.META.get("HTTP_AUTHORIZATION", ""))
        if found is None:
            raise NotAuthenticated()
        principal = container().authenticate().handle(found[1])
        request._request.principal = principal  # type: ignore[attr-defined]  # the access entry names the caller
        return principal, None


class HasScope(BasePermission):
    """The token has the scope of the view's operation."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises ScopeMissing."""
        principal = cast(Principal, request.user)
        principal.require(view.operation.scope)
        return True
