"""`python -m cloudkata` is `kata`."""

from cloudkata.cli import main

if __name__ == "__main__":
    main()
