"""Vector layers: deliveries and class mappings go in, class masks come out."""
