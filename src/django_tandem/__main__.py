"""`python -m django_tandem`: the command `tandem`."""

from django_tandem.cli.main import main

if __name__ == "__main__":
    main()
