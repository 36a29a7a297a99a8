"""A page for people on every refusal: what `type` of a problem document leads to."""

from __future__ import annotations

import re
from html import escape
from http import HTTPStatus
from typing import Final

from domain.errors import DomainError
from entrypoints.error_table import verdict_of
from entrypoints.http_messages.problems import DOCS_PATH, title_of

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Holdwater</title>
<style>body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem
}}</style> </head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""


def problem_page(error: type[DomainError]) -> str:
    """The page of one refusal: its status, its meaning, and whether to try again."""
    status = verdict_of(error).status
    rows = [
        f"<p>Code <code>{escape(error.code)}</code>, status {status.value} {status.phrase}.</p>",
        f"<p>{_blanks_named(escape(error.__doc__ or ''))}</p>",
        f"<p>{escape(_advice(error))}</p>",
        f'<p><a href="{DOCS_PATH}">All problems</a> · <a href="/docs">API</a></p>',
    ]
    return _PAGE.format(title=escape(title_of(error)), content="\n".join(rows))


def problems_index() -> str:
    """The list of all refusals, by status."""
    errors = sorted(DomainError.known().values(), key=lambda error: (verdict_of(error).status, error.code))
    rows = "\n".join(
        f"<li>{verdict_of(error).status.value} "
        f'<a href="{DOCS_PATH}{error.code}">{escape(title_of(error))}</a></li>'
        for error in errors
    )
    return _PAGE.format(title="Problems", content=f"<ul>\n{rows}\n</ul>")


def _blanks_named(message: str) -> str:
    """The message with a name in each place that an instance fills."""
    return re.sub(r"\{(\w+)[^}]*\}", r"<var>\1</var>", message)


def _advice(error: type[DomainError]) -> str:
    verdict = verdict_of(error)
    if verdict.retryable:
        return "Send the same request again, with the same Idempotency-Key, after the seconds in Retry-After."
    if verdict.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "It is a fault of the service. Tell its operators the X-Request-Id of the answer."
    if error.final:
        return (
            "It is the lasting answer to this request: a retry with the same Idempotency-Key gets it again."
        )
    return (
        "Nothing was changed or kept: mend the request and send it again; its Idempotency-Key is still free."
    )
