"""Put this folder on PYTHONPATH and files attack the processes that read them, Ray's workers and cells
included.

A file named `segfault*`, `hang*`, `eat*`, `raise*`, `probe-segfault*`, `model-kill*` or `model-hang*` does
what its name says each time it is decoded or looked at, `sound-segfault*`, `pictures-segfault*` and
`both-segfault*` when that stream of it is looked at; each time is a line `NAME` in the file that FAULTS
names. `once-*` does it the first time only. What follows the first frames of a file named `wait*` is decoded
once a line in the file that FAULTS names says `go`; one that says `waits` is there before.

LOSSES names calls as `MODULE:CLASS.METHOD` or `MODULE:CLASS.METHOD=FIRST_ARGUMENT`, with spaces between them:
the process that gets such a call ends before it does anything, and the process that gets the next one ends
after all is done and before it can say so.
"""

import ctypes
import os
import sys
import time
from pathlib import Path


def tell(name):
    """One short append, which the system keeps whole even with many writers."""
    with Path(os.environ["FAULTS"]).open("a", encoding="utf-8") as told:
        told.write(f"{name}\n")


def told_before(name):
    told = Path(os.environ["FAULTS"])
    return told.exists() and name in told.read_text(encoding="utf-8").split()


def eat():
    eaten = []
    while True:
        eaten.append(b"x" * (64 << 20))
        time.sleep(0.01)


def hang():
    libc = ctypes.PyDLL(
        None
    )  # keeps the interpreter's lock: no thread of Python in this process can do anything any more
    libc.sleep(10_000)


def wait(spec):
    if spec.first_frame >= WAITING_FROM and not told_before("go"):
        tell("waits")
        while not told_before("go"):
            time.sleep(0.05)


def segfault():
    ctypes.string_at(0)


def misraise():
    raise ZeroDivisionError("a fault of the decoder")


DECODERS = {"segfault": segfault, "hang": hang, "eat": eat, "raise": misraise}
PROBES = {"probe-segfault": segfault}
SOUNDS = {"sound-segfault": segfault, "both-segfault": segfault}
PICTURES = {"pictures-segfault": segfault, "both-segfault": segfault}
WAITING_FROM = 30
MODELS = {"model-kill": os.abort, "model-hang": hang}


def attack(name, faults):
    bare = name.removeprefix("once-")
    fault = next(
        (fault for prefix, fault in sorted(faults.items(), reverse=True) if bare.startswith(prefix)), None
    )
    if fault is None or (bare != name and told_before(name)):
        return
    tell(name)
    fault()


def attacked_decoder(module):
    original = module.decoder_for

    def decoder_for(spec, **told):
        if Path(spec.path).stem.startswith("wait"):
            wait(spec)
        attack(
            Path(spec.path).stem,
            {
                name: fault
                for name, fault in DECODERS.items()
                if not Path(spec.path).stem.startswith(f"{name}-model")
            },
        )
        return original(spec, **told)

    module.decoder_for = decoder_for


def attacked_probe(module):
    original = module.probe

    def probe(path, **told):
        attack(Path(path).stem, PROBES)
        return original(path, **told)

    module.probe = probe
    found = module.chosen_track

    def chosen_track(container, *told):
        attack(Path(container.name).stem, PICTURES)
        return found(container, *told)

    module.chosen_track = chosen_track


def attacked_sound(module):
    original = module.SoundTracks.__init__

    def begun(self, container, pictures):
        attack(Path(container.name).stem, SOUNDS)
        original(self, container, pictures)

    module.SoundTracks.__init__ = begun


def attacked_model(module):
    original = module.VisionModels.prepare

    def seen(self, pieces):
        for video_id in sorted({piece.video_id for piece in pieces}):
            attack(video_id.rpartition("-")[0], MODELS)
        return original(self, pieces)

    module.VisionModels.prepare = seen


def lossy(module, owner, method, argument):
    """Have that call of a class lose its process, once before and once after."""
    original = getattr(getattr(module, owner), method)
    name = f"{owner}.{method}={argument}".removesuffix("=")

    def call(self, *args, **told):
        meant = not argument or args[0] == argument
        if meant and not told_before(f"{name}:before"):
            tell(f"{name}:before")
            os._exit(9)
        answer = original(self, *args, **told)
        if meant and not told_before(f"{name}:after"):
            tell(f"{name}:after")
            os._exit(9)
        return answer

    setattr(getattr(module, owner), method, call)


def all_lossy(losses):
    """What to do with each module, by its name."""
    planned = {}
    for loss in losses:
        name, _, rest = loss.partition(":")
        call, _, argument = rest.partition("=")
        planned.setdefault(name, []).append((*call.split("."), argument))
    return {
        name: lambda module, calls=calls: [lossy(module, *call) for call in calls]
        for name, calls in planned.items()
    }


if "FAULTS" in os.environ:
    sys.path.append(str(Path(__file__).parents[1] / "hooked"))
    from import_hook import watch

    attacks = {
        "actors.probing.probe": attacked_probe,
        "actors.probing.audio_tracks": attacked_sound,
        "actors.stages.chunk_reader": attacked_decoder,
        "actors.stages.inference": attacked_model,
    }
    watch(attacks | all_lossy(os.environ.get("LOSSES", "").split()))
