"""Web services: a source on the network goes in, local files of its answers come out."""
