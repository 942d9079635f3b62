"""`python -m vaengine` is the command."""

from vaengine.cli import main

if __name__ == "__main__":
    main()
