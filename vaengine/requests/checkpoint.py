"""A checkpoint: the file from which a batch is resumed. It says where the store is and what was requested.

Progress always comes from the store itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import NotFound, UsageError
from schemas.json_pieces import json_pieces
from schemas.packed import packed

if TYPE_CHECKING:
    from vaengine.requests.request import RunRequest

FORMAT: Final = 1
FOLDER: Final = "checkpoints"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A `RunRequest` as plain values.

    `store_url` holds no password. `config` is the resolved settings as JSON. `others` are the batch's further
    configurations, as checkpoints without others.
    """

    batch_id: str
    store_url: str
    inputs: Sequence[str]
    out: str
    pipelines: tuple[str, ...]
    config: Mapping[str, Any]
    presets: Mapping[str, str]
    cluster: str = "local"
    limit: int | None = None
    files: bool = True
    keep_runs: bool = False
    replace: bool = False
    publish: str | None = None
    others: tuple[Checkpoint, ...] = ()

    def __post_init__(self) -> None:
        named = (self.batch_id, self.store_url, self.out, self.cluster)
        texts = chain(named, self.inputs, self.pipelines)
        if not all(isinstance(text, str) for text in texts) or not (
            self.batch_id and self.inputs and self.pipelines
        ):
            raise ValueError("it needs a batch, a store, inputs and pipelines")
        if not isinstance(self.config, Mapping) or not isinstance(self.presets, Mapping):
            raise ValueError("config and presets have to be objects")
        if self.limit is not None and (isinstance(self.limit, bool) or not isinstance(self.limit, int)):
            raise ValueError(f"limit has to be a number, not {self.limit!r}")

    @classmethod
    def of(cls, request: RunRequest, batch_id: str) -> Checkpoint:
        """The checkpoint that restarts a request under the same batch id."""
        from actors.stores.engines.address import without_password

        return cls(
            batch_id=batch_id,
            store_url=without_password(request.store_url),
            inputs=request.inputs,
            out=str(request.out),
            pipelines=request.pipelines,
            config=request.settings.model_dump(mode="json"),
            presets=dict(request.presets),
            cluster=request.cluster,
            limit=request.limit,
            files=request.files,
            keep_runs=request.keep_runs,
            replace=request.replace,
            publish=request.publish,
            others=tuple(cls.of(other, batch_id) for other in request.others),
        )

    def request(self, *, verbose: bool = False) -> RunRequest:
        """The request of the same run.

        Raises `InvalidSetting` or `UnknownSetting` where the settings are not valid any more.
        """
        from schemas.pipelines import pipeline_named
        from schemas.settings.layers import configured, flat, layer
        from vaengine.requests.request import RunRequest

        return RunRequest(
            inputs=self.inputs,
            pipelines=tuple(pipeline_named(name) for name in self.pipelines),
            settings=configured(layer(f"checkpoint {self.batch_id}", dict(flat(self.config)))).settings,
            out=Path(self.out),
            store_url=self.store_url,
            cluster=self.cluster,
            cluster_text=f"--cluster {self.cluster}, as the batch was begun",
            limit=self.limit,
            files=self.files,
            keep_runs=self.keep_runs,
            replace=self.replace,
            publish=self.publish,
            batch_id=self.batch_id,
            verbose=verbose,
            presets=self.presets,
            others=tuple(other.request(verbose=verbose) for other in self.others),
        )

    def to_data(self) -> dict[str, Any]:
        """The checkpoint as a JSON object, for the file and for the configuration of a run in a store."""
        values = {"format": FORMAT, **asdict(self)}
        return values if self.others else {name: value for name, value in values.items() if name != "others"}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Checkpoint:
        """The reverse of `to_data`; raises `ValueError` or `TypeError` for anything else."""
        values = dict(data)
        if values.pop("format", None) != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        if not isinstance(values.get("inputs"), list | tuple) or not isinstance(
            values.get("pipelines"), list | tuple
        ):
            raise ValueError("inputs and pipelines have to be lists")
        others = tuple(cls.from_data({"format": FORMAT, **other}) for other in values.pop("others", ()))
        return cls(
            **{
                **values,
                "inputs": packed(values["inputs"]),
                "pipelines": tuple(values["pipelines"]),
                "others": others,
            }
        )

    def at(self, store_url: str) -> Checkpoint:
        """The same batch in the store at another address."""
        return replace(self, store_url=store_url, others=tuple(other.at(store_url) for other in self.others))

    def found_at(self, path: Path) -> Checkpoint:
        """The same batch in the results folder that holds the file, with the store of that folder.

        Whoever copies or moves a results folder means the folder they name; the paths in the checkpoint may
        be those of the original.
        """
        folder, old = path.absolute().parent, Path(self.out)
        if folder.name != FOLDER or folder.parent.resolve() == old.resolve():
            return self
        return replace(self, out=str(folder.parent), store_url=_moved(self.store_url, old, folder.parent))

    def write(self, out: Path) -> Path:
        """Write the file under `out`, whole or not at all; raises what `write_atomic` raises."""
        from actors.atomic_files import storage_errors, write_atomic

        path = path_in(out, self.batch_id)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, (piece.encode() for piece in json_pieces(self.to_data())))
        return path

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a checkpoint from its file, for the folder it lies in.

        Raises `NotFound` for a missing file and `UsageError` for a damaged one.
        """
        try:
            data = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"checkpoint {path.name}", path.parent) from error
        except OSError as error:
            raise UsageError(
                f"checkpoint {path} cannot be read: {error.strerror}; check its permissions"
            ) from error
        except ValueError as error:
            raise _damaged(path, error) from error
        try:
            if not isinstance(data, Mapping):
                raise ValueError("it is not a JSON object")
            return cls.from_data(data).found_at(path)
        except (TypeError, ValueError) as error:
            raise _damaged(path, error) from error


def _moved(url: str, old: Path, new: Path) -> str:
    """The address of a store below `old` as it is below `new`; other addresses stay as they are."""
    from actors.stores.engines.address import StoreUrl

    address = StoreUrl.parse(url)
    if address.kind == "postgresql" or not address.path.resolve().is_relative_to(old.resolve()):
        return url
    return StoreUrl(address.kind, str(new / address.path.resolve().relative_to(old.resolve()))).url


def _damaged(path: Path, error: Exception) -> UsageError:
    cause = str(error).replace("Checkpoint.__init__() ", "")
    return UsageError(
        f"checkpoint {path} is damaged ({cause}); run the original command again, which does only what is "
        "missing"
    )


def path_in(out: Path, batch_id: str) -> Path:
    """Path of a batch's checkpoint under `out`."""
    return out / FOLDER / f"checkpoint_{batch_id}.json"


def batch_ids(out: Path) -> list[str]:
    """Batches with a checkpoint under `out`, newest first."""
    found = sorted(
        (out / FOLDER).glob("checkpoint_*.json"),
        key=lambda path: (path.stat().st_mtime, path.name),
        reverse=True,
    )
    return [path.stem.removeprefix("checkpoint_") for path in found]
