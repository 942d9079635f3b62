"""The command, also as `python -m vaengine`.

It is loaded here, so that Ctrl-C while that goes on is no traceback either.
"""

import sys

STOPPED = 130  # by Ctrl-C, as shells have it


def main() -> None:
    """The installed command."""
    try:
        from vaengine.cli.app import main as command
    except KeyboardInterrupt:
        sys.stderr.write("stopped, before anything was begun\n")
        sys.exit(STOPPED)
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
