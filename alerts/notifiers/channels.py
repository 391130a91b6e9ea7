"""A person's channels: whether they are written rightly, and whether a notice can leave by them here."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.notifiers.registry import BY_ADDRESS, KINDS
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.references import WrongReference, closest
from tocsin.settings import Settings


def require_usable(person: Person) -> None:
    """Raise `WrongReference` for the first channel, or the e-mail address, that no notice could ever leave by."""
    if person.email is not None:
        _require("email", Channel(kind=BY_ADDRESS), person)
    for number, channel in enumerate(person.channels):
        _require(f"channels.{number}", channel, person)


def obstacles(person: Person, settings: Settings) -> Iterator[tuple[Channel, str | None]]:
    """Each channel of the person with the reason why no notice can leave by it from this machine. None: nothing is known to be in
    the way.
    """
    for channel in person.channels or _by_address(person):
        try:
            _require("channel", channel, person)
            KINDS[channel.kind].ready(target_of(person, channel), settings)
        except WrongInput as error:
            yield channel, str(error)
        else:
            yield channel, None


def target_of(person: Person, channel: Channel) -> dict[str, object]:
    """The place that a notice goes to: the channel's settings, and the person's own address where the channel takes an address
    and names none.
    """
    known = KINDS.get(channel.kind)
    own = {"to": person.email} if known is not None and known.by_address else {}
    return {**own, **channel.target}


def _by_address(person: Person) -> tuple[Channel, ...]:
    return (Channel(kind=BY_ADDRESS),) if person.email else ()


def _require(field: str, channel: Channel, person: Person) -> None:
    known = KINDS.get(channel.kind)
    if known is None:
        raise WrongReference(
            field,
            Sentence(
                "there is no notifier {name}{known}",
                name=repr(channel.kind[:80]),
                known=closest(channel.kind, KINDS),
            ),
        )
    try:
        known.check(target_of(person, channel))
    except WrongInput as error:
        raise WrongReference(field, error.said) from None
