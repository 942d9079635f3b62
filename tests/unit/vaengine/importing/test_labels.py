from __future__ import annotations

import pytest

from schemas.errors import UsageError
from vaengine.importing.document import ImportedEvent
from vaengine.importing.labels import LabelRules


@pytest.mark.parametrize(
    ("label", "group", "expected"),
    [
        ("grooming", None, ("behavior", "grooming")),
        ("Laughter", None, ("sound", "laughter")),
        ("hello", "speech@Ána", ("speech", "hello")),
        ("sound:Dog", None, ("sound", "dog")),
        ("behavior:speech", None, ("behavior", "speech")),
        ("scene", None, ("scene", "scene")),
        ("anything", "Gesture", ("behavior", "anything")),
    ],
)
def test_an_event_is_what_its_group_or_its_label_says(
    label: str, group: str | None, expected: tuple[str, str]
) -> None:
    assert LabelRules().of_event(ImportedEvent(label, 0.0, 1.0, group=group)) == expected


def test_what_a_person_says_of_a_label_counts_first() -> None:
    rules = LabelRules.of(["Dancer=person", "Tier 1=speech", "laughter=none", "person=none"])
    assert rules.of_box("dancer") == "person"
    assert rules.of_box("car") is None
    assert rules.of_event(ImportedEvent("hi", 0.0, group="tier 1")) == ("speech", "hi")
    assert rules.of_event(ImportedEvent("Laughter", 0.0)) is None
    assert rules.of_event(ImportedEvent("Ána", 0.0, group="person Ána")) is None


@pytest.mark.parametrize("text", ["dancer", "=person", "dancer=dancer", "dancer="])
def test_a_rule_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--label takes LABEL=KIND"):
        LabelRules.of([text])
