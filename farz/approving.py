"""Whoever gives a second signature at this machine: asked for their password, signed out after."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from farz.asking import secret
from farz.signing import allowed
from farz.town import open_town

if TYPE_CHECKING:
    from backend.access.service import Who
    from backend.services import Services

Login = Annotated[str, typer.Option(prompt=True, help="Your login.")]
Password = Annotated[str, typer.Option(help="Asked for if it is not given.")]
Code = Annotated[str, typer.Option(help="Your telephone's code, if you are asked for one.")]


@contextmanager
def signed_in(
    login: str, password: str, code: str, scope: str
) -> Iterator[tuple["Services", "Who"]]:
    """The town, and somebody of its staff who may do this. Raises what signing in raises."""
    from backend.access import signing_in

    given = password or secret(f"Password for {login}")
    with open_town() as services:
        opened = signing_in.staff(services, login, given, signing_in.From("console"), code)
        try:
            allowed(opened.who, login, scope)
            yield services, opened.who
        finally:
            signing_in.out(services, opened.token)
