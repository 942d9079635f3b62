"""Changes modules of the engine as they are loaded, in every process below a test: for the
`sitecustomize.py` files beside this folder.
"""

import importlib.abc
import importlib.machinery
import sys


class Watcher(importlib.abc.MetaPathFinder):
    """Lets the usual finders find a watched module, and changes it once it is loaded."""

    def __init__(self, watched):
        self._watched = watched

    def find_spec(self, name, path=None, target=None):
        if name not in self._watched:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self._watched[name](module)

        spec.loader.exec_module = exec_module
        return spec


def watch(watched):
    """`watched`: what to do with a module, by its name."""
    sys.meta_path.insert(0, Watcher(watched))
