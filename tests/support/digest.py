"""A client's side of digest authentication."""

from __future__ import annotations

import re
from dataclasses import replace

from siprecord.syntax.sip.digest import Algorithm, Credentials, digest_response


def authorization(
    challenge: str,
    user: str,
    password: str,
    *,
    method: str = "INVITE",
    uri: str = "sip:recorder@192.0.2.1",
    nc: str | None = "00000001",
) -> str:
    """The Authorization value that answers a WWW-Authenticate one; without `nc` as in RFC 2069."""
    algorithm = Algorithm(field(challenge, "algorithm"))
    blank = Credentials(
        username=user,
        realm=field(challenge, "realm"),
        nonce=field(challenge, "nonce"),
        uri=uri,
        response="",
        algorithm=algorithm,
        qop=None if nc is None else "auth",
        cnonce="" if nc is None else "c0ffee",
        nc=nc,
    )
    done = replace(blank, response=digest_response(blank, algorithm, method, password))
    text = (
        f'Digest username="{done.username}", realm="{done.realm}", nonce="{done.nonce}", uri="{done.uri}", '
        f'response="{done.response}", algorithm={algorithm}'
    )
    return text if nc is None else f'{text}, qop=auth, cnonce="{done.cnonce}", nc={nc}'


def field(challenge: str, name: str) -> str:
    """One parameter of a challenge."""
    found = re.search(rf'\b{name}=(?:"([^"]*)"|([^,\s]+))', challenge)
    assert found, f"no {name} in {challenge}"
    return found[1] or found[2]
