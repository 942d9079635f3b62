"""Settings from their layers, batch files, presets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidSetting, UnknownPipeline, UnknownSetting, UsageError
from schemas.pipelines import PERSON, SCENE
from schemas.settings.layers import KNOWN, assignments, configured, layer, nearest
from schemas.settings.settings import Settings
from tests.conftest import CHECKOUT
from vaengine.cli.administration.config import row_table
from vaengine.requests import batch_file
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.run_options import RunOptions, pipelines_named, resolve_request
from vaengine.requests.run_options import _user_settings as user_settings
from vaengine.requests.store_location import stored_at


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    return path


def batch_yaml(folder: Path, text: str) -> Path:
    path = folder / "batch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_layers_every_setting_is_its_default() -> None:
    found = configured()
    assert found.settings == Settings()
    assert {row.origin for row in found.rows()} == {"default"}


def test_every_setting_has_a_description() -> None:
    assert [key for key, known in KNOWN.items() if not known.description] == []


def test_a_later_layer_outranks_an_earlier_one_and_says_where_it_comes_from() -> None:
    found = configured(
        layer("preset x", {"scene.threshold": 1, "scene.window": 3}), assignments(["scene.threshold=30"])
    )
    assert (found.settings.scene.threshold, found.settings.scene.window) == (30.0, 3)
    assert found.origins["scene.threshold"] == "--set"
    assert found.origins["scene.window"] == "preset x"
    assert found.origins["scene.detector"] == "default"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("scene.threshhold=3", "scene.threshold"),
        ("threshold=3", "scene.threshold"),
        ("workers=3", "engine.workers"),
        ("person.sample-fps=3", "person.sample_fps"),
        ("recovery.out_of_memory.atempts=3", "recovery.out_of_memory.attempts"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(typed: str, key: str) -> None:
    with pytest.raises(UnknownSetting, match=f"did you mean '{key}'"):
        configured(assignments([typed]))


@given(st.text(max_size=40))
def test_the_nearest_key_is_always_a_known_one(text: str) -> None:
    assert nearest(text, list(KNOWN)) in KNOWN


@pytest.mark.parametrize("key", list(KNOWN))
def test_a_known_key_is_its_own_nearest(key: str) -> None:
    assert nearest(key, list(KNOWN)) == key


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("scene.threshold=-1", "it should be greater than 0"),
        ("scene.threshold=.inf", "it should be a finite number"),
        ("engine.workers=99", "less than or equal to 32"),
        ("engine.workers=true", "it should be a finite number"),
        ("engine.workers=many", "it should be an integer"),
        ("scene.detector=fast", "'content' or 'adaptive'"),
        ("scene=4", "it is a section"),
        ("recovery.store=4", "it is a section; set what is in it, such as recovery.store.strategy"),
        ("recovery.store.attempts=0", "greater than or equal to 1"),
        ("recovery.store.attempts=true", "it should be a finite number"),
        ("recovery.store.delay_seconds=.inf", "it should be a finite number"),
        ("recovery.store.strategy=often", "'fixed', 'linear' or 'exponential'"),
        ("scene.threshold=[", "not a YAML value"),
    ],
)
def test_a_wrong_value_is_one_line_with_key_value_and_what_it_takes(typed: str, says: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        configured(assignments([typed]))
    message = str(caught.value)
    assert typed.partition("=")[0] in message
    assert says in message
    assert "\n" not in message


def test_set_without_an_equals_sign_says_how_it_is_written() -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        assignments(["scene.threshold"])


@pytest.mark.parametrize(("typed", "value"), [("null", None), ("", None), ("m.pt", "m.pt"), ("'5'", "5")])
def test_set_takes_yaml_scalars(typed: str, value: object) -> None:
    assert configured(assignments([f"person.weights={typed}"])).settings.person.weights == value


def test_a_batch_file_gives_each_key_its_line(tmp_path: Path) -> None:
    path = batch_yaml(
        tmp_path, "inputs: [a, b]\nworkers: 4\nscene:\n  # why\n  threshold: 31\nengine.chunk_seconds: 3\n"
    )
    found = batch_file.read(path)
    assert found.texts("inputs") == ("a", "b")
    assert {key: given.origin.removeprefix(str(path)) for key, given in found.settings.items()} == {
        "engine.workers": ":2",
        "scene.threshold": ":5",
        "engine.chunk_seconds": ":6",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("input: [a]", "did you mean 'inputs'"),
        ("scene:\n  treshold: 3", "did you mean 'scene.threshold'"),
        ("scene: 3", "it is a section"),
        ("recovery:\n  store: 3", "it is a section"),
        ("recovery:\n  store:\n    tries: 3", "did you mean 'recovery.store"),
        ("inputs: {a: 1}", "a path or a list of paths"),
        ("limit: 0", "1 or more"),
        ("files: 1", "true or false"),
        ("a: [", r"batch.yaml:\d: not valid YAML"),
        ("- a", "key: value"),
        ("preset: auto\npreset: fast", "batch.yaml:2: preset is there twice"),
        ("preset: !!python/object:os.system x", "not valid YAML"),
    ],
)
def test_a_wrong_batch_file_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        batch_file.read(batch_yaml(tmp_path, text))


def test_a_wrong_value_in_a_batch_file_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as caught:
        batch_file.read(batch_yaml(tmp_path, "preset: auto\nscene:\n  threshold: high\n"))
    assert any("batch.yaml:3" in note for note in caught.value.__notes__)


def test_a_section_within_a_section_is_set_by_key_and_in_a_batch_file(tmp_path: Path) -> None:
    path = batch_yaml(
        tmp_path, "recovery:\n  attempts: 5\n  out_of_memory:\n    attempts: 2\n  timeout.strategy: fixed\n"
    )
    read = batch_file.read(path).settings
    assert {key: given.origin.removeprefix(str(path)) for key, given in read.items()} == {
        "recovery.attempts": ":2",
        "recovery.out_of_memory.attempts": ":4",
        "recovery.timeout.strategy": ":5",
    }
    found = configured(read, assignments(["recovery.out_of_memory.attempts=1", "recovery.store.jitter=0"]))
    recovery = found.settings.recovery
    assert (
        recovery.attempts,
        recovery.out_of_memory.attempts,
        recovery.timeout.strategy,
        recovery.store.jitter,
    ) == (5, 1, "fixed", 0.0)
    assert found.origins["recovery.out_of_memory.attempts"] == "--set"
    assert found.origins["recovery.worker_lost.attempts"] == "default"
    assert {"recovery.out_of_memory.attempts", "recovery.alone_seconds"} <= {row.key for row in found.rows()}


def test_the_batch_file_of_the_documentation_is_valid_and_shows_the_defaults(tmp_path: Path) -> None:
    text = (CHECKOUT / "docs" / "failures.md").read_text(encoding="utf-8")
    told = batch_file.read(batch_yaml(tmp_path, text.partition("```yaml\n")[2].partition("```")[0])).settings
    usual = {row.key: row.value for row in configured().rows()}
    other = {key: given.value for key, given in told.items() if given.value != usual[key]}
    assert other == {
        "recovery.out_of_memory.attempts": 2,
        "recovery.store.strategy": "linear",
        "recovery.store.attempts": 10,
    }
    assert {key for key in usual if key.startswith("recovery.") and key.count(".") == 1} <= set(told)


def test_an_empty_batch_file_says_nothing(tmp_path: Path) -> None:
    found = batch_file.read(batch_yaml(tmp_path, "# nothing yet\n"))
    assert (dict(found.run), dict(found.settings)) == ({}, {})


def test_a_missing_batch_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.yaml cannot be read"):
        batch_file.read(tmp_path / "no.yaml")


def test_the_command_line_outranks_the_batch_file(tmp_path: Path, clip: Path) -> None:
    path = batch_yaml(
        tmp_path, f"inputs: {clip.name}\nworkers: 4\nlimit: 5\nout: there\nscene.threshold: 31\n"
    )
    from_file = resolve_request(RunOptions(config=path)).request
    assert from_file.inputs == (str(clip),)
    assert (from_file.settings.engine.workers, from_file.limit, from_file.out) == (4, 5, tmp_path / "there")
    told = resolve_request(
        RunOptions(
            config=path, workers=2, limit=1, out=str(tmp_path / "here"), settings=("scene.threshold=32",)
        )
    ).request
    assert (told.settings.engine.workers, told.limit, told.out) == (2, 1, tmp_path / "here")
    assert told.settings.scene.threshold == 32.0


def test_a_request_holds_absolute_paths_and_full_names(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    request = resolve_request(
        RunOptions(paths=("clip.mp4",), out="o", pipelines="person,scene,scene")
    ).request
    assert request.inputs == (str(clip),)
    assert request.out == tmp_path / "o"
    assert request.store_url == f"sqlite:///{tmp_path}/o/batch_processing.db"
    assert request.pipelines == (SCENE, PERSON)
    assert request.presets == {SCENE: "embedded", PERSON: "embedded"}


@pytest.mark.parametrize(
    ("db", "url"), [("sqlite:///x.db", "sqlite:///{}/x.db"), ("files:tree", "files:{}/tree")]
)
def test_the_store_of_a_batch_file_is_relative_to_it(tmp_path: Path, clip: Path, db: str, url: str) -> None:
    path = batch_yaml(tmp_path, f"inputs: clip.mp4\ndb: {db}\n")
    assert resolve_request(RunOptions(config=path)).request.store_url == url.format(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("face.pack", "buffalo_l", "buffalo_l"),
        ("face.pack", "packs/mine", "{}/packs/mine"),
        ("audio.model", "./gone", "{}/gone"),
        ("audio.model", "large-v3", "large-v3"),
        ("audio.events_model", "MIT/some-model", "MIT/some-model"),
        ("person.weights", "yolo11n.pt", "yolo11n.pt"),
        ("person.weights", "mine.pt", "{}/mine.pt"),
    ],
)
def test_a_models_path_is_relative_to_the_batch_file_and_its_name_is_none(
    tmp_path: Path, key: str, value: str, path: str
) -> None:
    (tmp_path / "packs" / "mine").mkdir(parents=True)
    told = user_settings(RunOptions(), batch_file.read(batch_yaml(tmp_path, f"{key}: {value}\n")))
    assert told[key].value == path.format(tmp_path)


def test_a_postgresql_database_is_named_whole_and_kept_without_its_password(clip: Path) -> None:
    request = resolve_request(
        RunOptions(paths=(str(clip),), db="postgresql://me:secret@host/db?password=hidden&sslmode=require")
    ).request
    assert request.store_url == "postgresql://me:secret@host/db?password=hidden&sslmode=require"
    assert Checkpoint.of(request, "b1").store_url == "postgresql://me@host/db?sslmode=require"


def test_nothing_to_work_on_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="no input"):
        resolve_request(RunOptions())


def test_an_unknown_pipeline_is_named() -> None:
    with pytest.raises(UnknownPipeline, match="scen"):
        pipelines_named("scen")


def test_a_store_elsewhere_is_found_by_the_checkpoint_under_out(tmp_path: Path, clip: Path) -> None:
    from vaengine.requests.checkpoint import Checkpoint

    request = resolve_request(
        RunOptions(paths=(str(clip),), out=str(tmp_path / "o"), db=f"files:{tmp_path}/tree")
    ).request
    Checkpoint.of(request, "b1").write(request.out)
    assert stored_at(None, str(tmp_path / "o")) == f"files:{tmp_path}/tree"


def test_the_table_of_settings_shows_origins_only_when_asked() -> None:
    rows = configured().rows()
    assert row_table(rows, origin=False).titles == ("key", "value", "meaning")
    assert row_table(rows, origin=True).titles == ("key", "value", "origin", "meaning")
