"""WMS and WMTS: a layer and an area go in, GeoTIFFs come out."""
