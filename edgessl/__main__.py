"""``python -m edgessl``: the same program as the console script."""

from edgessl.cli import main

if __name__ == "__main__":
    main()
