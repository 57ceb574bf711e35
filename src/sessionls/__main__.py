"""`python -m sessionls` is `sessionls`."""

from sessionls.cli import main

if __name__ == "__main__":
    main()
