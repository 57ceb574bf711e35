"""`sessionls serve`, in which sessionls blocking its event loop is an error."""

from blockbuster import BlockBuster

from sessionls.server.app import main

if __name__ == "__main__":
    BlockBuster("sessionls").activate()
    main()
