"""`python -m aerialret` is the command line."""

from aerialret.cli.entry import main

if __name__ == "__main__":
    main()
