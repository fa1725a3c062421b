"""When imagery was flown: dated polygons and files go in, days of tiles come out."""
