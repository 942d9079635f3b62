"""Put this folder on PYTHONPATH and every process below tells what it decodes: Ray's workers included.

Each decoded picture is a line `picture PATH` in the file that DECODED names, each stretch of sound `sound
PATH FIRST STOP`.
"""

import os
import sys
from pathlib import Path


def tell(line: str) -> None:
    """One short append, which the system keeps whole even with many writers."""
    with Path(os.environ["DECODED"]).open("a", encoding="utf-8") as told:
        told.write(f"{line}\n")


def counted_pictures(module):
    original = module.StreamReader._pictures

    def pictures(self, packet):
        found = original(self, packet)
        for _ in found:
            tell(f"picture {self._path}")
        return found

    module.StreamReader._pictures = pictures


def counted_sound(module):
    original = module.decoded

    def decoded(path, sound, first, stop):
        tell(f"sound {path} {first} {stop}")
        return original(path, sound, first, stop)

    module.decoded = decoded


WATCHED = {"actors.container.stream_reader": counted_pictures, "actors.decoding.audio_decoder": counted_sound}


if "DECODED" in os.environ:
    sys.path.append(str(Path(__file__).parents[1] / "hooked"))
    from import_hook import watch

    watch(WATCHED)
